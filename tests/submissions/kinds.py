"""Malformed submissions: functions that damage a valid submission, each with the expected message."""

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tests.submissions.conftest import FILE, Board, write_yaml

Kind = Callable[[Path, Board], None]
KINDS: dict[str, tuple[Kind, str]] = {}


def kind(name: str, expected: str) -> Callable[[Kind], Kind]:
    """Register a function that damages a submission, with the expected message (a regular expression)."""

    def register(damage: Kind) -> Kind:
        assert name not in KINDS
        KINDS[name] = (damage, expected)
        return damage

    return register


def fact(name: str, expected: str, /, **changes: Any) -> None:
    """Register changed values in submission.yaml."""

    def damage(folder: Path, board: Board) -> None:
        write_yaml(folder, {**board.facts(), **changes})

    KINDS[name] = (damage, expected)


def entry(name: str, expected: str, /, **changes: Any) -> None:
    """Register changed values of the board in submission.yaml."""

    def damage(folder: Path, board: Board) -> None:
        facts = board.facts()
        facts["boards"] = [{**facts["boards"][0], **changes}]
        write_yaml(folder, facts)

    KINDS[name] = (damage, expected)


def text(name: str, expected: str, content: bytes | str) -> None:
    """Register a different content of submission.yaml."""

    def damage(folder: Path, _: Board) -> None:
        (folder / "submission.yaml").write_bytes(content if isinstance(content, bytes) else content.encode())

    KINDS[name] = (damage, expected)


class Attack:
    """An object that writes a file when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch pickled",)


def put(array: np.ndarray, place: Any, value: Any) -> np.ndarray:
    changed = array.copy()
    changed[place] = value
    return changed


# submission.yaml
for key, wrong, message in (
    ("submission_version", 2, r"submission_version: .*1"),
    ("protocol", "0.9", r"protocol: expected '1\.1', got '0\.9'"),
    ("protocol", 1.0, r'protocol: .*got 1\.0; write it in quotes: "1\.0"'),
    ("name", "Bad Name", r"name: .*match pattern"),
    ("name", "constant", r"is the name of a built-in method"),
    ("name", "other-name", r"expected the folder name 'good-one'"),
    ("name", "../evil", r"name: .*match pattern"),
    ("title", "<script>alert(1)</script>", r"title: .*'<' is not allowed"),
    ("title", "x" * 5000, r"title: .*at most 200"),
    ("title", "", r"title: .*at least 1"),
    ("title", "a\u202eb", r"title: .*not allowed"),
    ("title", "a\x1b[31mb", r"title: .*not allowed"),
    ("title", 7, r"title: .*valid string"),
    ("team", "two\nlines", r"team: .*one line"),
    ("note", "  spaces ", r"note: .*space"),
    ("contact", "call me", r"contact: .*e-mail"),
    ("paper", "javascript:alert(1)", r"paper: .*web address"),
    ("code", "file:///etc/passwd", r"code: .*web address"),
    ("commit", "HEAD", r"commit: .*match pattern"),
    ("parameters", -1, r"parameters: .*greater than or equal to 0"),
    ("parameters", "many", r"parameters: .*valid integer"),
    ("parameters", float("nan"), r"parameters: .*valid integer"),
    ("seeds", [], r"seeds: .*at least 1"),
    ("seeds", [1, 1], r"seeds: a seed is listed twice"),
    ("seeds", [1, 2], r"expected a file for each of the seeds \[1, 2\], got seeds \[1\]"),
    ("seeds", [-1], r"seeds\.0: .*greater than or equal to 0"),
    ("seeds", ["1"], r"seeds\.0: .*valid integer"),
    ("seeds", list(range(200)), r"seeds: .*at most 100"),
    ("boards", [], r"expected either boards \(with predictions\) or method"),
    ("method", {"file": "method.py", "cls": "A"}, r"not both"),
    ("boards", "all", r"boards: .*valid list"),
    ("task", "atmo", r"task: unknown task 'atmo'; did you mean 'atom'"),
    ("task", "../atom", r"task: unknown task '\.\./atom'"),
    ("task", ["atom"], r"task: .*valid string"),
    ("probabilities", "yes", r"probabilities: .*valid boolean"),
    ("colour", "red", r"unknown key 'colour'"),
    ("tilte", "x", r"did you mean 'title'"),
):
    fact(f"{key}={str(wrong)[:20]!r}", message, **{key: wrong})
fact(
    "a method of the platform",
    r"entry_point: atombench\.tasks\.atom\.methods\.exhaustive:Exhaustive is part of the platform",
    boards=[],
    method={"entry_point": "atombench.tasks.atom.methods.exhaustive:Exhaustive"},
)
KINDS["a key is missing"] = (
    lambda folder, board: write_yaml(folder, {k: v for k, v in board.facts().items() if k != "team"}),
    r"team: .*[Rr]equired",
)
entry("unknown board", r"its queries do not exist; create them with: snakemake", board="nothing/hard-none-x1")
entry("wrong board", r"its queries do not exist|answers queries", board="toy/easy-none-x1")
entry("no board of its task", r"expected a board of atom such as hard-none-x1", board="toy/hard")
entry("board of another task", r"boards of a task other than 'atom'.*: partial/toy/hard", board="partial/toy/hard-none-x1")
entry("four parts", r"boards\.0\.board: .*match pattern", board="atom/toy/hard-none-x1/clean")
entry("no board's name", r"boards\.0\.board: .*match pattern", board="toy")
entry("path as board", r"boards\.0\.board: .*match pattern", board="../toy/hard-none-x1")
entry("other queries", r"answers queries 000000000000", queries="0" * 64)
entry("no digest", r"boards\.0\.queries: .*match pattern", queries="abc")
entry("no predictions", r"boards\.0\.predictions: .*at least 1", predictions=[])
entry("absolute path", r"path inside the folder", predictions=[{"seed": 1, "file": "/etc/passwd"}])
entry("path out", r"path inside the folder", predictions=[{"seed": 1, "file": "../../etc/passwd"}])
entry("path out, hidden", r"path inside the folder", predictions=[{"seed": 1, "file": "predictions/../../x.npz"}])
entry("backslashes", r"path inside the folder", predictions=[{"seed": 1, "file": "predictions\\a.npz"}])
entry(
    "missing file",
    r"predictions/b\.npz: is named .* but does not exist",
    predictions=[{"seed": 1, "file": "predictions/b.npz"}],
)
entry("other seed", r"got seeds \[5\]", predictions=[{"seed": 5, "file": FILE}])
entry("one seed twice", r"got seeds \[1, 1\]", predictions=[{"seed": 1, "file": FILE}] * 2)
text("no mapping", r"dictionary|mapping|valid", "just text")
text("empty yaml", r"valid dictionary|Submission", "")
text("no yaml", r"not valid YAML", "a: [1, 2")
text("yaml in UTF-16", r"not valid YAML", "name: x".encode("utf-16"))
text("yaml in Latin-1", r"not valid YAML", "team: M\u00fcller".encode("latin-1"))
text("yaml bomb", r"references \(& and \*\) are not allowed", "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n")
text("yaml that runs", r"tags such as .* are not allowed", "a: !!python/object/apply:os.system ['touch pickled']\n")
text("deep yaml", r"nested more than", "a: " + "[" * 5000 + "]" * 5000)
text("long yaml", r"expected at most 65536", "# x\n" * 50_000)
text("a key twice", r"is repeated", "name: a\nname: b\n")
text("two documents", r"single document|not valid YAML", "a: 1\n---\nb: 2\n")
text("control characters", r"not valid YAML", b"name: a\x00b\n")

text("number to the base of 60", r"number .* is too long", "a: " + "1:" * 400 + "1.5\n")
text("very long number", r"number .* is too long", "a: 0x" + "f" * 20_000 + "\n")
text("very many keys", r"unknown key|required", "".join(f"k{n}: 1\n" for n in range(6000)))

# files in the folder


@kind("one file for two seeds", r"same content for seed 2 .* as for seed 1")
def _(folder: Path, board: Board) -> None:
    facts = {**board.facts(), "seeds": [1, 2]}
    facts["boards"][0]["predictions"].append({"seed": 2, "file": FILE})
    write_yaml(folder, facts)


@kind("file with a hole of a terabyte", r"has 1000000000000 bytes; answers to")
def _(folder: Path, _: Board) -> None:
    os.truncate(folder / FILE, 10**12)


@kind("link to a file outside", r"predictions/a\.npz: is a link")
def _(folder: Path, _: Board) -> None:
    (folder / FILE).rename(folder.parent / "outside.npz")
    (folder / FILE).symlink_to(folder.parent / "outside.npz")


@kind("link to a folder outside", r"predictions: is a link")
def _(folder: Path, _: Board) -> None:
    (folder / "predictions").rename(folder.parent / "outside")
    (folder / "predictions").symlink_to(folder.parent / "outside")


@kind("link to itself", r"loop: is a link")
def _(folder: Path, _: Board) -> None:
    (folder / "loop").symlink_to(folder)


@kind("pipe", r"pipe: is neither a file nor a folder")
def _(folder: Path, _: Board) -> None:
    os.mkfifo(folder / "pipe")


@kind("pipe as predictions", r"is neither a file nor a folder")
def _(folder: Path, _: Board) -> None:
    (folder / FILE).unlink()
    os.mkfifo(folder / FILE)


@kind("no submission.yaml", r"submission\.yaml: is missing")
def _(folder: Path, _: Board) -> None:
    (folder / "submission.yaml").unlink()


@kind("folder as submission.yaml", r"submission\.yaml: is missing")
def _(folder: Path, _: Board) -> None:
    (folder / "submission.yaml").unlink()
    (folder / "submission.yaml").mkdir()


@kind("program beside it", r"run\.sh: is not named")
def _(folder: Path, _: Board) -> None:
    (folder / "run.sh").write_text("touch pickled")


@kind("pickle beside it", r"weights\.pkl: is not named")
def _(folder: Path, _: Board) -> None:
    (folder / "weights.pkl").write_bytes(pickle.dumps(Attack()))


@kind("very many files", r"holds more than 2000")
def _(folder: Path, _: Board) -> None:
    for number in range(2100):
        (folder / f"{number}.md").touch()


@kind("long text", r"card\.md: has \d+ bytes")
def _(folder: Path, _: Board) -> None:
    (folder / "card.md").write_text("x" * 2_000_000)


@kind("seeds mixed up", r"same content for seed 2 .* as for seed 1")
def _(folder: Path, board: Board) -> None:
    (folder / "predictions/b.npz").write_bytes((folder / FILE).read_bytes())
    facts = {**board.facts(), "seeds": [1, 2]}
    facts["boards"][0]["predictions"].append({"seed": 2, "file": "predictions/b.npz"})
    write_yaml(folder, facts)


@kind("board twice", r"boards listed twice: atom/toy/hard-none-x1")
def _(folder: Path, board: Board) -> None:
    facts = board.facts()
    write_yaml(folder, {**facts, "boards": facts["boards"] * 2})


@kind("board twice, once without its task", r"boards listed twice: atom/toy/hard-none-x1")
def _(folder: Path, board: Board) -> None:
    facts = board.facts()
    write_yaml(folder, {**facts, "boards": [*facts["boards"], {**facts["boards"][0], "board": "toy/hard-none-x1"}]})
