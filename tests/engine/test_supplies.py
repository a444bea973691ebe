"""A submitted method may bring pretrained weights and packages; both are checked, and nothing of them runs before."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from atombench.engine.contract import Resources
from atombench.engine.external import read_submission
from atombench.engine.failure import MethodFailure
from atombench.engine.sandbox import supplies
from atombench.engine.sandbox.parent import SandboxedMethod
from atombench.engine.sandbox.supplies import read_requirements, supplies_of
from atombench.errors import ConfigError, DataError, FetchError
from atombench.submissions.validate import validate
from atombench.tasks.atom.manifest import Manifest
from atombench.tasks.atom.task import ATOM
from atombench.tasks.atom.training import make_training
from atombench.volumes.curated import Curated
from tests.engine.sandboxed import HEAD
from tests.engine.wheels import offline, tiny_wheel

USES = """import tinything
        from safetensors.numpy import load_file
        weights = load_file(resources.pretrained['encoder'])
        return {'found': weights['a'] * tinything.ANSWER}"""


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    read_submission.cache_clear()
    return tmp_path / "results/supplies"


def bringing(root: Path, keys: str, fit: str = "pass") -> Path:
    """Write the folder of a method with further keys in its `submission.yaml`."""
    folder = root / "mine"
    folder.mkdir(parents=True)
    (folder / "method.py").write_text(HEAD.replace("FIT", fit).replace("PREDICT", "pass"))
    (folder / "submission.yaml").write_text(f"name: mine\nmethod: {{file: method.py, cls: Mine, minutes: 1, {keys}}}\n")
    return folder


def weights(path: Path) -> str:
    """Write pretrained weights; return their SHA-256."""
    save_file({"a": np.arange(3.0)}, path)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def supplied(folder: Path) -> supplies.Supplies:
    submission = read_submission("mine", folder.parent)
    assert submission is not None
    assert submission.method is not None
    return supplies_of(folder, submission.method)


@pytest.mark.long
def test_a_method_uses_its_weights_and_its_package_in_the_sandbox(
    toy_data: Curated, toy_manifest: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, requirement = tiny_wheel(tmp_path)
    for name, value in offline(tmp_path).items():
        monkeypatch.setenv(name, value)
    digest = weights(tmp_path / "w.safetensors")
    pretrained = f"pretrained: [{{name: encoder, file: w.safetensors, sha256: '{digest}'}}]"
    folder = bringing(tmp_path / "root", f"{pretrained}, requirements: needed.txt", USES)
    (tmp_path / "w.safetensors").rename(folder / "w.safetensors")
    (folder / "needed.txt").write_text(requirement)
    method = SandboxedMethod("mine", {}, ATOM.answers, folder.parent)
    found = method.fit(make_training(toy_data, toy_manifest), Resources(seed=1))
    assert found["found"].tolist() == [0, 42, 84]
    assert method.confinement["code"] == "method.py:Mine"


def test_weights_at_an_address_are_found_in_local_folders_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data").mkdir()
    digest = weights(tmp_path / "data/big.safetensors")
    monkeypatch.setenv("ATOMBENCH_DATA_DIRS", str(tmp_path / "data"))
    folder = bringing(
        tmp_path / "root",
        f"pretrained: [{{name: encoder, url: 'https://example.invalid/x/big.safetensors', sha256: '{digest}'}}]",
    )
    path = supplied(folder).pretrained["encoder"]
    assert hashlib.sha256(path.read_bytes()).hexdigest() == digest
    monkeypatch.setattr("atombench.volumes.fetch.RETRIES", 0)
    (tmp_path / "data/big.safetensors").write_bytes(b"another")
    with pytest.raises(FetchError, match="has sha256"):
        supplied(folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no tensors", "is not a safetensors file"),
        (None, "does not have the stated SHA-256"),
        (b"x" * 2_000_001, "more than 2 MB"),
    ],
    ids=["another format", "missing", "too large"],
)
def test_unusable_weights_are_refused(
    content: bytes | None, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supplies, "MOST_PRETRAINED_MB", 2)
    digest = hashlib.sha256(content or b"").hexdigest()
    folder = bringing(tmp_path, f"pretrained: [{{name: encoder, file: w.safetensors, sha256: '{digest}'}}]")
    if content is not None:
        (folder / "w.safetensors").write_bytes(content)
    with pytest.raises(DataError, match=message):
        supplied(folder)
    with pytest.raises(MethodFailure, match=message):
        SandboxedMethod("mine", {}, ATOM.answers, folder.parent).fit({}, Resources(seed=1))


@pytest.mark.parametrize(
    "text",
    [
        "tinything==1.0",
        "tinything>=1.0 --hash=sha256:" + "0" * 64,
        "-e .",
        "--index-url https://example.invalid",
        "-r other.txt",
        "tinything @ https://example.invalid/tinything.whl --hash=sha256:" + "0" * 64,
        "https://example.invalid/tinything.whl",
        "tinything==1.0 --hash=md5:" + "0" * 32,
        "tinything==1.0 --hash=sha256:" + "0" * 64 + " --global-option=x",
        "tinything==1.0 ; python_version > '3' --hash=sha256:" + "0" * 64,
        "# made by a tool \\\n--no-binary :all:",
        "# x \\\n-r ${ATOMBENCH_SECRET_KEY}",
        "tinything==1.0 \\",
    ],
)
def test_requirements_must_be_pinned_wheels_with_hashes(text: str, tmp_path: Path) -> None:
    assert len(read_requirements(text)[1]) >= 1
    folder = bringing(tmp_path, "requirements: needed.txt")
    (folder / "needed.txt").write_text(text)
    with pytest.raises(ConfigError, match=r"needed\.txt: "):
        supplied(folder)


def test_comments_and_continued_lines_are_accepted() -> None:
    lines = "# made by a tool\n\ntinything==1.0 \\\n    --hash=sha256:" + "0" * 64 + " \\\n    --hash=sha256:" + "1" * 64
    accepted, problems = read_requirements(f"{lines}\nother[extra]==2.0.post1 --hash=sha512:{'0' * 128}\n")
    assert problems == []
    assert [line.split()[0] for line in accepted] == ["tinything==1.0", "other[extra]==2.0.post1"]
    assert len(accepted[0].split()) == 3
    assert read_requirements("x" * (supplies.LONGEST_REQUIREMENTS + 1))[1] == ["has more than 1048576 characters"]


def test_other_encodings_are_refused(tmp_path: Path) -> None:
    """pip would follow a declared encoding, in which other characters are line ends."""
    folder = bringing(tmp_path, "requirements: needed.txt")
    (folder / "needed.txt").write_bytes("tinything==1.0\u2028-r other".encode())
    with pytest.raises(ConfigError, match="cannot be read as ASCII"):
        supplied(folder)


def test_code_of_a_package_runs_only_after_the_process_is_confined(
    toy_data: Curated, toy_manifest: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a .pth file nor a module with the name of one that confines the process is executed before."""
    for name, value in offline(tmp_path).items():
        monkeypatch.setenv(name, value)
    outside = tmp_path / "outside"
    attack = f"open({str(outside)!r}, 'w').write('x')\n"
    _, first = tiny_wheel(tmp_path, "tinything", "ANSWER = 1\n", {"evil.pth": f"import os; {attack}"})
    _, second = tiny_wheel(tmp_path, "landlockpy", attack)
    folder = bringing(
        tmp_path / "root", "requirements: needed.txt", "import tinything; return {'a': np.zeros(tinything.ANSWER)}"
    )
    (folder / "needed.txt").write_text(first + second)
    method = SandboxedMethod("mine", {}, ATOM.answers, folder.parent)
    assert method.fit(make_training(toy_data, toy_manifest), Resources(seed=1))["a"].tolist() == [0]
    assert not outside.exists()


@pytest.mark.long
def test_a_package_with_another_hash_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: Path) -> None:
    tiny_wheel(tmp_path)
    for name, value in offline(tmp_path).items():
        monkeypatch.setenv(name, value)
    folder = bringing(tmp_path / "root", "requirements: needed.txt")
    (folder / "needed.txt").write_text("tinything==1.0 --hash=sha256:" + "0" * 64)
    with pytest.raises(DataError, match=r"cannot be installed; the log has the output of pip"):
        supplied(folder)
    assert not list(store.rglob("complete"))


def test_validation_reads_supplies_but_runs_nothing(tmp_path: Path) -> None:
    folder = bringing(tmp_path, "requirements: needed.txt")
    (folder / "needed.txt").write_text("tinything\n")
    (folder / "extra.safetensors").write_bytes(b"x")
    _, problems = validate(folder)
    text = "\n".join(problems)
    assert "needed.txt: expected NAME==VERSION --hash=sha256:..., got 'tinything'" in text or "required and missing" in text
