"""Submitted methods run in a child process that is confined as far as the system allows."""

import os
import socket
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from atombench.engine import external
from atombench.engine.answers import check_answers
from atombench.engine.contract import Resources
from atombench.engine.failure import MethodFailure
from atombench.engine.sandbox import call as sandbox_call
from atombench.engine.sandbox import parent as sandbox
from atombench.engine.sandbox.call import landlock_version, seccomp_works
from atombench.engine.sandbox.parent import SandboxedMethod
from atombench.engine.sandbox.processes import namespaces
from atombench.errors import ConfigError
from atombench.submissions.new_method import new_method
from atombench.tasks.atom.manifest import Manifest
from atombench.tasks.atom.queries import make_queries
from atombench.tasks.atom.task import ATOM
from atombench.tasks.atom.training import make_training
from atombench.volumes.curated import Curated
from tests.conftest import needs
from tests.engine.sandboxed import fitted, submitted


@pytest.fixture(autouse=True)
def temporary(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the temporary folder of the test, in which the platform creates the folders of child processes."""
    folder = tmp_path_factory.mktemp("temporary")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_a_method_trains_and_predicts_in_its_child_process(toy_data: Curated, toy_manifest: Manifest, tmp_path: Path) -> None:
    new_method("template", tmp_path)
    method = SandboxedMethod("template", {"weight": 0.25}, ATOM.answers, tmp_path)
    resources = Resources(seed=1, curve=tmp_path / "curve.jsonl")
    weights = method.fit(make_training(toy_data, toy_manifest), resources)
    queries = make_queries(toy_data, toy_manifest)
    found = method.predict(weights, queries, resources)
    check_answers(found, ATOM.answers, len(queries))
    assert found.about["parameters"] == 729
    assert found.about["sandbox"]["memory_mb"] == 2000
    assert "submitted_method" not in sys.modules
    assert (tmp_path / "curve.jsonl").read_text() == ""


def test_forbidden_actions_end_a_method(toy_data: Curated, toy_manifest: Manifest, tmp_path: Path) -> None:
    needs(landlock_version() and seccomp_works(), "Landlock and libseccomp")
    outside = tmp_path / "outside.txt"
    outside.write_text("before")
    actions = (
        f"open({str(outside)!r}, 'w').write('after')",
        f"open({str(outside)!r}).read()",
        f"import os; os.unlink({str(outside)!r})",
        f"import os; os.listdir({str(tmp_path)!r})",
        f"import subprocess; subprocess.run(['cp', 'job.json', {str(tmp_path / 'new')!r}], check=True)",
        f"import os; os.kill({os.getpid()}, 9)",
        f"import socket; s = socket.socket(socket.AF_UNIX); s.connect({str(tmp_path / 'socket')!r})",
        "import socket; s = socket.socket(socket.AF_UNIX); s.bind('here')",
        "import os; os.mkfifo('pipe')",
    )
    for number, action in enumerate(actions):
        root = tmp_path / str(number)
        root.mkdir()
        with pytest.raises(MethodFailure, match="training: exited with status"):
            fitted(submitted(root, fit=action), toy_data, toy_manifest)
    assert outside.read_text() == "before"
    assert not (tmp_path / "new").exists()


def test_modes_and_times_of_other_files_stay_unchanged(toy_data: Curated, toy_manifest: Manifest, tmp_path: Path) -> None:
    needs(seccomp_works(), "libseccomp")
    outside = tmp_path / "outside.txt"
    outside.write_text("x")
    before = outside.stat()
    action = (
        f"import os; os.chmod({str(outside)!r}, 0o777); os.utime({str(outside)!r}, (1, 1)); os.chown({str(outside)!r}, 1, 1)"
    )
    fitted(submitted(tmp_path, fit=action), toy_data, toy_manifest)
    after = outside.stat()
    assert (after.st_mode, after.st_mtime_ns, after.st_uid) == (before.st_mode, before.st_mtime_ns, before.st_uid)


def test_malicious_outputs_of_a_method_are_detected(
    toy_data: Curated, toy_manifest: Manifest, tmp_path: Path, temporary: Path
) -> None:
    """Links, endless output, deep folders, and other files in place of the outputs."""
    secret = tmp_path / "secret"
    secret.write_text("hunter2")
    actions = (
        (f"import os; os.symlink({str(secret)!r}, 'said.txt'); os._exit(1)", "no error message"),
        (f"import os; os.symlink({str(secret)!r}, 'out.safetensors'); os._exit(0)", "is not a regular file"),
        ("import os; os.mkdir('out.safetensors'); os._exit(0)", "is not a regular file"),
        ("import os; f = open('out.safetensors', 'wb'); f.truncate(10**12)", "File too large"),
        ("import os; f = open('out.safetensors', 'wb'); f.truncate(18 * 10**8); os._exit(0)", "has 1800000000 bytes"),
        (f"import os; os.symlink({str(secret)!r}, 'curve.jsonl'); raise ValueError('end')", "ValueError: end"),
        ("import os\n        for n in range(1500): os.mkdir('d'); os.chdir('d')\n        raise ValueError('deep')", "deep"),
        ("while True: print('x' * 100000)", "printed more than"),
    )
    for number, (action, message) in enumerate(actions):
        root = tmp_path / str(number)
        root.mkdir()
        with pytest.raises(MethodFailure, match=message) as error:
            fitted(submitted(root, fit=action), toy_data, toy_manifest)
        assert "hunter2" not in str(error.value)
    assert list(temporary.iterdir()) == []


def test_a_method_has_no_network(toy_data: Curated, toy_manifest: Manifest, tmp_path: Path) -> None:
    needs(namespaces(), "unshare with a network namespace")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        method = submitted(tmp_path, fit=f"import socket; socket.create_connection(('127.0.0.1', {port}), 5)")
        with pytest.raises(MethodFailure, match=r"exited with status 1: (OSError|ConnectionRefusedError|PermissionError)"):
            fitted(method, toy_data, toy_manifest)
        server.settimeout(0.5)
        with pytest.raises(TimeoutError):
            server.accept()


def test_limits_of_memory_and_time_are_enforced(
    toy_data: Curated, toy_manifest: Manifest, tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    greedy = submitted(tmp_path, fit="x = np.ones((200, 1024, 1024)); import time; time.sleep(60)", memory=400)
    with pytest.raises(MethodFailure, match=r"used \d+ MB, more than its limit of 400 MB"):
        fitted(greedy, toy_data, toy_manifest)
    (tmp_path / "slow").mkdir()
    slow = submitted(tmp_path / "slow", fit="import time; time.sleep(600)")
    clock, start = time.monotonic, time.monotonic()
    monkeypatch.setattr(sandbox_call.time, "monotonic", lambda: start + 60 * (clock() - start))
    with pytest.raises(MethodFailure, match="took more than its limit of 1 minutes"):
        fitted(slow, toy_data, toy_manifest)
    assert not [process for process in psutil.process_iter() if str(temporary) in " ".join(_command(process))]


def _command(process: psutil.Process) -> list[str]:
    try:
        command: list[str] = process.cmdline()
    except psutil.Error:
        return []
    return command


@pytest.mark.parametrize(
    ("fit", "predict", "reason"),
    [
        ("raise ValueError('no luck')", "pass", "training: exited with status 1: ValueError: no luck"),
        ("import os; os._exit(7)", "pass", "training: exited with status 7"),
        ("return {'a': object()}", "pass", "training: exited with status 1"),
        ("pass", "return None", "predicting: exited with status 1"),
        ("pass", "return Answers(boxes=np.zeros((1, 729), np.float32))", r"expected boxes of shape \(672, 729\)"),
        ("pass", "return Answers(boxes=np.full((len(queries), 729), np.nan, np.float32))", "NaN"),
        ("pass", "open('out.safetensors', 'w').write('x'); import os; os._exit(0)", "wrote no valid arrays"),
        ("pass", "import os; os.symlink('/etc/passwd', 'out.safetensors'); os._exit(0)", "is not a regular file"),
    ],
)
def test_the_reason_of_a_failing_method_is_reported(
    fit: str, predict: str, reason: str, toy_data: Curated, toy_manifest: Manifest, tmp_path: Path
) -> None:
    method = submitted(tmp_path, fit, predict)

    def run() -> None:
        weights = method.fit(make_training(toy_data, toy_manifest), Resources(seed=1))
        method.predict(weights, make_queries(toy_data, toy_manifest), Resources(seed=1))

    with pytest.raises(MethodFailure, match=reason):
        run()


def test_the_child_process_receives_no_secrets(
    toy_data: Curated, toy_manifest: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_PASSWORD", "hunter2")
    method = submitted(
        tmp_path, fit="import os; return {'present': np.array([name in os.environ for name in ('SOME_PASSWORD', 'PATH')])}"
    )
    present = method.fit(make_training(toy_data, toy_manifest), Resources(seed=1))["present"]
    assert present.tolist() == [False, True]


def test_invalid_curves_and_facts_of_a_method_are_filtered(tmp_path: Path) -> None:
    curve = tmp_path / "curve.jsonl"
    curve.write_text('{"step": 1, "val/score": 0.5}\nnonsense\n{"step": "x"}\n[]\n{"step": 2, "a": NaN}\n{"no": 1}\n')
    assert sandbox._curve(curve) == '{"step": 1, "val/score": 0.5}\n{"step": 2}\n'
    assert sandbox._facts('{"parameters": 3, "deep": [1], "long": "' + "x" * 300 + '"}') == {"parameters": 3}
    assert sandbox._facts("[" * 5000) == {}


def test_a_submitted_method_is_found_by_name_and_its_digest_covers_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = new_method("grey-thing")
    external.read_submission.cache_clear()
    entry = ATOM.registry.entry("grey-thing")
    assert (entry.role, entry.learned, entry.seeded) == ("submission", False, False)
    assert isinstance(ATOM.registry.build("grey-thing", {}), SandboxedMethod)
    before = ATOM.registry.code("grey-thing", "atombench.commands.train")
    (folder / "method.py").write_text((folder / "method.py").read_text() + "\n# changed\n")
    assert ATOM.registry.code("grey-thing", "atombench.commands.train") != before
    (folder / "submission.yaml").write_text("name: other\n")
    external.read_submission.cache_clear()
    with pytest.raises(ConfigError, match="name must be that of the folder"):
        ATOM.registry.entry("grey-thing")
    with pytest.raises(ConfigError, match="unknown method of atom 'nothing-here'"):
        ATOM.registry.entry("nothing-here")


@pytest.mark.parametrize("name", ["Bad", "a", "constant", "-x", "a--b", "x" * 41, "../up"])
def test_a_new_method_needs_a_valid_unused_name(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"expected a name|built-in method"):
        new_method(name, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_new_method_overwrites_nothing(tmp_path: Path) -> None:
    new_method("mine-too", tmp_path)
    with pytest.raises(ConfigError, match="already exists"):
        new_method("mine-too", tmp_path)


def test_arrays_are_passed_to_the_child_process_unchanged(toy_data: Curated, toy_manifest: Manifest, tmp_path: Path) -> None:
    """A submitted method receives the same arrays as a built-in method."""
    training = make_training(toy_data, toy_manifest)
    method = submitted(tmp_path, fit="return {'v': training.volumes, 'c': training.train.centres, 'n': training.val.normals}")
    found = method.fit(training, Resources(seed=1))
    for name, expected in (("v", training.volumes), ("c", training.train.centres), ("n", training.val.normals)):
        assert np.array_equal(found[name], expected)
