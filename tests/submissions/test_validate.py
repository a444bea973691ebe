"""Malformed submissions: each is refused with a message that names what is wrong, and nothing in it is run."""

import io
import os
import pickle
import re
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from atombench.submissions import guarded
from atombench.submissions.validate import validate
from tests.conftest import ROOT
from tests.submissions.conftest import FILE, Board, write_yaml
from tests.workflow.running import BIN

Kind = Callable[[Path, Board], None]
KINDS: dict[str, tuple[Kind, str]] = {}


def kind(name: str, expected: str) -> Callable[[Kind], Kind]:
    """Register a way to spoil a submission, and what its message must say."""

    def register(spoil: Kind) -> Kind:
        assert name not in KINDS
        KINDS[name] = (spoil, expected)
        return spoil

    return register


def fact(name: str, expected: str, /, **changes: Any) -> None:
    """Register a way to spoil submission.yaml."""

    def spoil(folder: Path, board: Board) -> None:
        write_yaml(folder, {**board.facts(), **changes})

    KINDS[name] = (spoil, expected)


def entry(name: str, expected: str, /, **changes: Any) -> None:
    """Register a way to spoil what submission.yaml says of the board."""

    def spoil(folder: Path, board: Board) -> None:
        facts = board.facts()
        facts["boards"] = [{**facts["boards"][0], **changes}]
        write_yaml(folder, facts)

    KINDS[name] = (spoil, expected)


def text(name: str, expected: str, content: bytes | str) -> None:
    """Register another content of submission.yaml."""

    def spoil(folder: Path, _: Board) -> None:
        (folder / "submission.yaml").write_bytes(content if isinstance(content, bytes) else content.encode())

    KINDS[name] = (spoil, expected)


def answers(name: str, expected: str, change: Callable[[dict[str, Any], Board], dict[str, Any]]) -> None:
    """Register other arrays."""

    def spoil(folder: Path, board: Board) -> None:
        np.savez(folder / FILE, **change(board.answers(), board))

    KINDS[name] = (spoil, expected)


def content(name: str, expected: str, suffix: str, make: Callable[[Board], bytes]) -> None:
    """Register another file of predictions."""

    def spoil(folder: Path, board: Board) -> None:
        (folder / FILE).unlink()
        (folder / f"predictions/a{suffix}").write_bytes(make(board))
        facts = board.facts()
        facts["boards"][0]["predictions"][0]["file"] = f"predictions/a{suffix}"
        write_yaml(folder, facts)

    KINDS[name] = (spoil, expected)


class Attack:
    """An object that writes a file when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch pickled",)


def parquet(table: pa.Table, **options: Any) -> bytes:
    stream = io.BytesIO()
    pq.write_table(table, stream, **options)
    return stream.getvalue()


def listed(board: Board, **columns: Any) -> pa.Table:
    """A Parquet table that is in order, but for some columns."""
    found = board.answers()
    boxes = pa.FixedSizeListArray.from_arrays(found["boxes"].reshape(-1), found["boxes"].shape[1])
    return pa.table({"query": list(found["query"]), "boxes": boxes, **columns})


def frame(board: Board, k: int = 3) -> pd.DataFrame:
    """The best boxes as a table for CSV, in order."""
    count = len(board.asked.ids)
    ranked = {f"ranked_{n}": np.full(count, n) for n in range(k)}
    return pd.DataFrame({"query": board.asked.ids, **ranked, **{f"scores_{n}": np.full(count, 1.0 - n / 10) for n in range(k)}})


def csv(table: pd.DataFrame, encoding: str = "utf-8") -> bytes:
    return table.to_csv(index=False).encode(encoding)


def poses(board: Board) -> dict[str, Any]:
    count = len(board.asked.ids)
    return {"query": np.array(board.asked.ids), "centre": np.full((count, 3), 10.0), "normal": np.full((count, 3), 1.0)}


def put(array: np.ndarray, place: Any, value: Any) -> np.ndarray:
    changed = array.copy()
    changed[place] = value
    return changed


# --- submission.yaml
for key, wrong, told in (
    ("submission_version", 2, r"submission_version: .*1"),
    ("protocol", "0.9", r"protocol: expected '1\.0', got '0\.9'"),
    ("name", "Bad Name", r"name: .*match pattern"),
    ("name", "constant", r"taken by the platform"),
    ("name", "other-name", r"expected the folder's name 'good-one'"),
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
    ("seeds", [1, 1], r"seeds: a seed stands in the list twice"),
    ("seeds", [1, 2], r"expected a file for each of the seeds \[1, 2\], got seeds \[1\]"),
    ("seeds", [-1], r"seeds\.0: .*greater than or equal to 0"),
    ("seeds", ["1"], r"seeds\.0: .*valid integer"),
    ("seeds", list(range(200)), r"seeds: .*at most 100"),
    ("boards", [], r"expected either boards \(with predictions\) or method"),
    ("method", {"file": "method.py", "cls": "A"}, r"not both"),
    ("boards", "all", r"boards: .*valid list"),
    ("probabilities", "yes", r"probabilities: .*valid boolean"),
    ("colour", "red", r"unknown key 'colour'"),
    ("tilte", "x", r"did you mean 'title'"),
):
    fact(f"{key}={str(wrong)[:20]!r}", told, **{key: wrong})
KINDS["a key is missing"] = (
    lambda folder, board: write_yaml(folder, {k: v for k, v in board.facts().items() if k != "team"}), r"team: .*[Rr]equired"
)  # fmt: skip
entry("unknown board", r"not at hand", board="nothing/hard-none-x1")
entry("wrong board", r"not at hand|answers queries", board="toy/easy-none-x1")
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
    "missing file", r"predictions/b\.npz: is named .* but is not there", predictions=[{"seed": 1, "file": "predictions/b.npz"}]
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
text("a key twice", r"stands twice", "name: a\nname: b\n")
text("two documents", r"single document|not valid YAML", "a: 1\n---\nb: 2\n")
text("control characters", r"not valid YAML", b"name: a\x00b\n")

text("number to the base of 60", r"number .* is too long", "a: " + "1:" * 400 + "1.5\n")
text("very long number", r"number .* is too long", "a: 0x" + "f" * 20_000 + "\n")
text("very many keys", r"unknown key|required", "".join(f"k{n}: 1\n" for n in range(6000)))

# --- what is in the folder


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


@kind("board twice", r"boards that stand in the list twice")
def _(folder: Path, board: Board) -> None:
    facts = board.facts()
    write_yaml(folder, {**facts, "boards": facts["boards"] * 2})


# --- answers
answers("missing query", r"expected \d+ rows|must have \d+ rows", lambda a, b: {k: v[1:] for k, v in a.items()})
answers("extra query", r"must have|must be", lambda a, b: {k: np.concatenate([v, v[:1]]) for k, v in a.items()})
answers("query twice", r"more than one row: '[0-9a-f]{12}'", lambda a, b: {**a, "query": put(a["query"], 1, a["query"][0])})
answers("unknown query", r"no query of this board: 'zzz'", lambda a, b: {**a, "query": put(a["query"], 1, "zzz")})
answers("no queries", r"no column 'query'", lambda a, b: {"boxes": a["boxes"]})
answers("numbers as queries", r"'query' must hold text", lambda a, b: {**a, "query": np.arange(len(a["query"]))})
answers("HTML as query", r"no query of this board: '<b>", lambda a, b: {**a, "query": put(a["query"].astype("U40"), 0, "<b>x")})
answers("NaN", r"NaN, infinite .*row 3 ", lambda a, b: {**a, "boxes": put(a["boxes"], (2, 7), np.nan)})
answers("infinity", r"NaN, infinite .*row 1 ", lambda a, b: {**a, "boxes": put(a["boxes"], (0, 0), np.inf)})
answers("too large", r"too large numbers", lambda a, b: {**a, "boxes": put(a["boxes"].astype(float), (0, 0), 1e300)})
answers("too few boxes", r"'boxes' needs 729 numbers per row, got 700", lambda a, b: {**a, "boxes": a["boxes"][:, :700]})
answers("too many boxes", r"1 to 729 values", lambda a, b: {**a, "boxes": np.hstack([a["boxes"], a["boxes"]])})
answers("text as scores", r"'boxes' must hold numbers", lambda a, b: {**a, "boxes": a["boxes"].astype("U8")})
answers("complex scores", r"'boxes' must hold numbers", lambda a, b: {**a, "boxes": a["boxes"].astype(complex)})
answers("long doubles", r"'boxes' must hold numbers", lambda a, b: {**a, "boxes": a["boxes"].astype(np.longdouble)})
answers("true and false", r"'boxes' must hold numbers", lambda a, b: {**a, "boxes": a["boxes"] > 0.5})
answers("dates", r"'boxes' must hold numbers", lambda a, b: {**a, "boxes": a["boxes"].astype("M8[s]")})
answers("objects", r"must hold numbers", lambda a, b: {**a, "boxes": put(a["boxes"].astype(object), (0, 0), Attack())})
answers("three axes", r"shape", lambda a, b: {**a, "boxes": a["boxes"].reshape(-1, 27, 27)})
answers("Fortran order", r"C order", lambda a, b: {**a, "boxes": np.asfortranarray(a["boxes"])})
answers("no answers", r"expected 'boxes', or 'ranked'", lambda a, b: {"query": a["query"]})
answers("unknown array", r"unknown column 'boxs'; did you mean 'boxes'", lambda a, b: {"query": a["query"], "boxs": a["boxes"]})
answers(
    "two forms", r"got both", lambda a, b: {**a, "ranked": np.zeros((len(a["boxes"]), 1), int), "scores": a["boxes"][:, :1]}
)
answers("ranked alone", r"need each other", lambda a, b: {"query": a["query"], "ranked": np.zeros((len(a["boxes"]), 1), int)})
answers(
    "centre alone", r"'centre' and 'normal' need each other", lambda a, b: {k: v for k, v in poses(b).items() if k != "normal"}
)
answers("no normal", r"'normal' has length zero", lambda a, b: {**poses(b), "normal": np.zeros((len(a["query"]), 3))})
answers("two axes", r"'centre' needs 3 numbers", lambda a, b: {**poses(b), "centre": np.zeros((len(a["query"]), 2))})
answers("coarse with a pose", r"goes with scores of boxes", lambda a, b: {**poses(b), "coarse": a["boxes"][:, :27]})


def best(board: Board, k: int = 3, **changes: Any) -> dict[str, Any]:
    count = len(board.asked.ids)
    ranked, scores = np.tile(np.arange(k), (count, 1)), np.tile(1.0 - np.arange(k) / 10, (count, 1))
    return {"query": np.array(board.asked.ids), "ranked": ranked, "scores": scores, **changes}


answers("box 729", r"outside 0 to 728: row 2", lambda a, b: best(b, ranked=put(best(b)["ranked"], (1, 0), 729)))
answers("box -1", r"outside 0 to 728", lambda a, b: best(b, ranked=put(best(b)["ranked"], (1, 0), -1)))
answers("a box twice", r"names a box twice: row 1", lambda a, b: best(b, ranked=put(best(b)["ranked"], (0, 1), 0)))
answers("boxes as fractions", r"'ranked' must hold whole numbers", lambda a, b: best(b, ranked=best(b)["ranked"] + 0.5))
answers("rising scores", r"rise along 'ranked'.*row 4", lambda a, b: best(b, scores=put(best(b)["scores"], (3, 2), 9.0)))
answers("negative score", r"must be positive", lambda a, b: best(b, scores=best(b)["scores"] - 5))
answers("unequal widths", r"equally many numbers", lambda a, b: best(b, scores=best(b)["scores"][:, :2]))


@kind("no probabilities", r"said to be probabilities")
def _(folder: Path, board: Board) -> None:
    write_yaml(folder, {**board.facts(), "probabilities": True})
    found = board.answers()
    np.savez(folder / FILE, query=found["query"], boxes=found["boxes"] * 3)


def headed(header: bytes, version: tuple[int, int] = (1, 0), length: int | None = None) -> bytes:
    """An archive with an array whose description is made up."""
    size = len(header) if length is None else length
    width = 2 if version == (1, 0) else 4
    return archive_of("boxes.npy", b"\x93NUMPY" + bytes(version) + size.to_bytes(width, "little") + header)


# --- files of predictions
def bomb(board: Board) -> bytes:
    """A small archive that says it unpacks to a gigabyte."""
    stream = io.BytesIO()
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": (len(board.asked.ids), 729)})
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("boxes.npy", header.getvalue() + b"\0" * 300_000_000)
    return stream.getvalue()


def many_rows(_: Board) -> bytes:
    """10^8 rows in a small file."""
    chunk = pa.array(np.zeros(1_000_000, np.int8))
    table = pa.table({"query": pa.chunked_array([chunk] * 100)})
    return parquet(table, compression="zstd")


def wide(board: Board) -> bytes:
    count = len(board.asked.ids)
    lists = pa.ListArray.from_arrays(np.arange(count + 1) * 20_000, np.zeros(count * 20_000, np.int8))
    return parquet(pa.table({"query": list(board.asked.ids), "boxes": lists}), compression="zstd")


def archive_of(name: str, payload: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(name, payload)
    return stream.getvalue()


def tar(_: Board) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        archive.addfile(tarfile.TarInfo("../../evil"), io.BytesIO())
    return stream.getvalue()


def ragged(board: Board) -> bytes:
    return parquet(
        pa.table({"query": list(board.asked.ids), "boxes": [[1.0] * (1 + n % 2) for n in range(len(board.asked.ids))]})
    )


for label, head in {
    "endless minus": b"-" * 60_000 + b"1",
    "unfinished": b"{'descr': '<f4', 'shape': (1,",
    "indented": b"  {'descr'\n :1\n}",
    "no type": b"{'descr': (), 'fortran_order': False, 'shape': (504, 729)}",
    "odd keys": b"{[]: 1}",
    "negative shape": b"{'descr': '<f4', 'fortran_order': False, 'shape': (504, -1)}",
    "vast shape": b"{'descr': '<f4', 'fortran_order': False, 'shape': (504, 10000000000000000000)}",
}.items():
    content(f"npz header, {label}", r"not a valid npz|shape|must", ".npz", lambda b, head=head: headed(head))
content("npz header of gigabytes", r"is of format", ".npz", lambda b: headed(b"x" * 100, (2, 0), 1_500_000_000))
content(
    "very long name, many times",
    r"names in 'query'|a name in 'query'",
    ".parquet",
    lambda b: parquet(listed(b).set_column(0, "query", pa.array(["x" * 6_000_000] * len(b.asked.ids)).dictionary_encode())),
)
content("npz bomb", r"says that it has|no column", ".npz", bomb)
content("pickle as npz", r"not a valid npz", ".npz", lambda b: pickle.dumps(Attack()))
content("pickle in npz", r"must hold numbers", ".npz", lambda b: archive_of("boxes.npy", _object_array()))
content("path in npz", r"no array|unknown column", ".npz", lambda b: archive_of("../../evil.npy", b"x"))
content("text in npz", r"no array of NumPy's", ".npz", lambda b: archive_of("readme.txt", b"x"))
content("empty file", r"not a valid npz", ".npz", lambda b: b"")
content("empty parquet", r"not a valid Parquet", ".parquet", lambda b: b"")
content("half a parquet", r"not a valid Parquet", ".parquet", lambda b: parquet(listed(b))[:5000])
content("csv as parquet", r"not a valid Parquet", ".parquet", lambda b: csv(frame(b)))
content("unknown ending", r"expected a file that ends in", ".dat", lambda b: b"x")
content("pickle", r"expected a file that ends in", ".pkl", lambda b: pickle.dumps(Attack()))
content("tar", r"expected a file that ends in", ".gz", tar)
content("very many rows", r"got 100000000", ".parquet", many_rows)
content("very wide rows", r"holds 10080000 values", ".parquet", wide)
content("ragged rows", r"as many in every row", ".parquet", ragged)
content(
    "null in parquet",
    r"lacks 1 values",
    ".parquet",
    lambda b: parquet(listed(b).set_column(0, "query", pa.array([None, *b.asked.ids[1:]]))),
)
content(
    "text in parquet",
    r"must hold numbers|unknown column",
    ".parquet",
    lambda b: parquet(pa.table({"query": list(b.asked.ids), "boxes": list(b.asked.ids)})),
)
content(
    "column of structs",
    r"must hold numbers",
    ".parquet",
    lambda b: parquet(pa.table({"query": list(b.asked.ids), "boxes": [{"a": 1}] * len(b.asked.ids)})),
)
content("extra column", r"unknown column 'label'", ".parquet", lambda b: parquet(listed(b, label=np.zeros(len(b.asked.ids)))))
content("gap in columns", r"without a gap", ".csv", lambda b: csv(frame(b).drop(columns="ranked_1")))
content("column twice", r"stands in the first line twice", ".csv", lambda b: csv(frame(b)).replace(b"ranked_1", b"ranked_0", 1))
content("csv in UTF-16", r"UTF-8", ".csv", lambda b: csv(frame(b), "utf-16"))
content("csv in Latin-1", r"UTF-8|no query", ".csv", lambda b: csv(frame(b).assign(query="M\u00fcller"), "latin-1"))
content("csv with semicolons", r"unknown column", ".csv", lambda b: frame(b).to_csv(index=False, sep=";").encode())
content("csv with words", r"CSV.*'many'", ".csv", lambda b: csv(frame(b)).replace(b"1.0", b"many", 1))
content("csv with a hole", r"not a valid CSV", ".csv", lambda b: csv(frame(b)).replace(b",1.0,", b",,", 1))
content("csv with a short row", r"not a valid CSV.*Expected 7 columns", ".csv", lambda b: csv(frame(b)) + b"a,b\n")
content("csv with nan", r"NaN, infinite", ".csv", lambda b: csv(frame(b)).replace(b"1.0", b"nan", 1))
content("csv of zeros", r"UTF-8|not a valid", ".csv", lambda b: b"\0" * 1000)
content("csv with one long line", r"unknown column|not a valid|UTF-8", ".csv", lambda b: b"a" * 3_000_000)
content(
    "csv that is far too large",
    r"answers to \d+ queries need at most",
    ".csv",
    lambda b: csv(frame(b)) + b" " * (40 * 2934 * len(b.asked.ids)),
)


def _object_array() -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.array([Attack()], dtype=object), allow_pickle=True)
    return stream.getvalue()


def test_a_submission_in_order_has_no_problems(board: Board, tmp_path: Path) -> None:
    submission, problems = validate(board.submission(tmp_path), results=board.results)
    assert problems == []
    assert submission is not None


@pytest.mark.parametrize("name", KINDS)
def test_a_malformed_submission_is_refused_with_what_is_wrong(
    name: str, board: Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil, expected = KINDS[name]
    folder = board.submission(tmp_path / "in")
    spoil(folder, board)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    before = sorted(path for path in tmp_path.rglob("*") if "outside" not in path.name)
    _, problems = validate(folder, results=board.results)
    assert problems
    assert re.search(expected, "\n".join(problems)), problems
    assert all(line.isprintable() and len(line) < 700 for line in problems)
    assert sorted(path for path in tmp_path.rglob("*") if "outside" not in path.name) == before


def test_what_a_reader_cannot_bear_is_told_and_the_caller_goes_on(
    board: Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = board.submission(tmp_path)
    assert guarded.guarded_validate(folder, results=board.results) == ("1 boards, seeds [1]", [])
    monkeypatch.setattr(guarded, "MEMORY_BYTES", 200 << 20)
    assert "GiB of memory, or broke its reader" in guarded.guarded_validate(folder, results=board.results)[1][0]
    monkeypatch.setattr(guarded, "SECONDS", 0.01)
    assert "could not be read within 0 seconds" in guarded.guarded_validate(folder, results=board.results)[1][0]


def test_the_name_of_a_folder_cannot_forge_lines(board: Board, tmp_path: Path) -> None:
    odd = board.submission(tmp_path).rename(tmp_path / "x\x1b[31m\nfake: in order\udcff")
    said = subprocess.run(
        [BIN / "atombench", "validate", odd, "--results", board.results], capture_output=True, check=False, cwd=ROOT
    )
    assert said.returncode == 1
    assert b"\x1b" not in said.stdout
    assert b"\nfake" not in said.stdout
    assert b"Traceback" not in said.stderr


def test_there_are_enough_kinds() -> None:
    assert len(KINDS) >= 60


def test_all_problems_are_told_at_once(board: Board, tmp_path: Path) -> None:
    folder = board.submission(tmp_path)
    write_yaml(folder, {**board.facts(), "protocol": "7", "name": "constant"})
    found = board.answers()
    np.savez(folder / FILE, query=put(found["query"], 0, "zzz"), boxes=put(found["boxes"], (1, 1), np.nan))
    (folder / "run.sh").touch()
    _, problems = validate(folder, results=board.results)
    for expected in ("protocol", "taken by", "folder's name", "run.sh", "no query", "without an answer", "row 2"):
        assert any(expected in line for line in problems), (expected, problems)
