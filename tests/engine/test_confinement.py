"""What a submitted method cannot do: each forbidden action is tried with and without the sandbox."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from atombench.engine.contract import Resources
from atombench.engine.external import MOST_MEMORY_MB, MethodFile
from atombench.engine.failure import MethodFailure
from atombench.engine.sandbox import call as sandbox_call
from atombench.engine.sandbox import probes
from atombench.engine.sandbox.call import landlock_version, seccomp_works
from atombench.engine.sandbox.probes import OUTLIVES, PROBES, confinement, decoys, succeeded
from atombench.engine.sandbox.processes import Limits, namespaces
from atombench.tasks.atom.manifest import Manifest
from atombench.tasks.atom.training import make_training
from atombench.volumes.curated import Curated
from tests.conftest import ROOT, needs
from tests.engine.sandboxed import fitted, submitted

UNUSUAL = {OUTLIVES, "vsock sockets", "new namespaces"}  # may be impossible for other reasons, or would leave a process behind
STUBBORN = """import os, ctypes, time
        ctypes.CDLL(None).prctl(1, 0, 0, 0, 0)
        os._exit = lambda status: None
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                while True: time.sleep(1)
        while True: time.sleep(1)"""


@pytest.fixture(autouse=True)
def temporary(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the temporary folder of the test, in which the platform creates the folders of child processes."""
    folder = tmp_path_factory.mktemp("temporary")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def alive(folder: Path) -> list[psutil.Process]:
    """Return the processes that work in a folder."""
    return [process for process in psutil.process_iter(["cwd"]) if str(process.info["cwd"] or "").startswith(str(folder))]


def test_no_forbidden_action_succeeds_in_the_sandbox() -> None:
    needs(landlock_version() >= 6 and seccomp_works() and namespaces(), "namespaces, Landlock 6 and libseccomp")
    assert [name for name, possible in succeeded().items() if possible] == []
    assert confinement() == {
        "network": "none",
        "files": "own folder",
        "processes": "end with the call",
        "memory": "all counted",
    }


@pytest.fixture(scope="module")
def unconfined(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return by name what each forbidden action answers without the sandbox: `True`, or an error."""
    code = f"""
        import json, sys
        from atombench.engine.sandbox.probes import PROBES
        given, found = json.load(sys.stdin), {{}}
        for probe in PROBES:
            if probe.name not in {sorted(UNUSUAL)}:
                try:
                    found[probe.name] = str(probe.attempt(given))
                except OSError as error:
                    found[probe.name] = str(error)
        print(json.dumps(found))
    """
    with decoys(tmp_path_factory.mktemp("decoys") / "outside") as given:
        command = [sys.executable, "-c", textwrap.dedent(code)]
        done = subprocess.run(command, input=json.dumps(given), capture_output=True, text=True, cwd=ROOT, check=True)
    found: dict[str, str] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("name", [probe.name for probe in PROBES if probe.name not in UNUSUAL])
def test_every_forbidden_action_succeeds_without_the_sandbox(name: str, unconfined: dict[str, str]) -> None:
    if name == "tracing other processes" and "Operation not permitted" in unconfined[name]:
        pytest.skip("this system forbids tracing altogether")
    assert unconfined[name] == "True"


def test_the_record_names_the_actions_that_were_possible(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {probe.name: probe.name == "netlink sockets" or probe.kind == "files" for probe in PROBES}
    monkeypatch.setattr(probes, "succeeded", lambda: found)
    assert confinement() == {
        "network": "not confined: netlink sockets",
        "files": "not confined",
        "processes": "end with the call",
        "memory": "all counted",
    }


def test_a_sandbox_that_does_not_start_confines_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "call", lambda *arguments, **others: "exited with status 1")
    succeeded.cache_clear()
    try:
        assert all(succeeded().values())
    finally:
        succeeded.cache_clear()


def test_a_landlock_that_allows_truncation_is_said_to_be_weaker(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {probe.name: probe.name == "truncating files" for probe in PROBES}
    monkeypatch.setattr(probes, "succeeded", lambda: found)
    assert confinement()["files"] == "not confined: truncating files"


def test_nothing_of_a_stubborn_method_outlives_its_time_limit(
    toy_data: Curated, toy_manifest: Manifest, tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It leaves its session, forks twice, forgets its parent, and replaces the function with which it would exit."""
    clock, start = time.monotonic, time.monotonic()
    monkeypatch.setattr(sandbox_call.time, "monotonic", lambda: start + 15 * (clock() - start))
    with pytest.raises(MethodFailure, match="took more than its limit of 1 minutes"):
        fitted(submitted(tmp_path, fit=STUBBORN), toy_data, toy_manifest)
    assert alive(temporary) == []


@pytest.mark.parametrize("separate", [True, pytest.param(False, marks=pytest.mark.long)], ids=["namespaces", "no namespaces"])
def test_orphans_end_with_a_method_that_ends_by_itself(
    separate: bool,
    toy_data: Curated,
    toy_manifest: Manifest,
    tmp_path: Path,
    temporary: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if not separate:
        monkeypatch.setattr(sandbox_call, "prefix", tuple)
    leave = STUBBORN.replace("        while True: time.sleep(1)", "        time.sleep(1)")
    assert leave != STUBBORN
    fitted(submitted(tmp_path, fit=leave), toy_data, toy_manifest)
    assert alive(temporary) == []


def test_a_method_ends_when_the_platform_is_killed(temporary: Path, tmp_path: Path) -> None:
    needs(shutil.which("setpriv"), "setpriv of util-linux")
    root = tmp_path / "submissions"
    submitted(root, fit=STUBBORN)
    code = f"""
        import sys, tempfile
        from pathlib import Path
        import numpy as np
        from atombench.engine.contract import Resources
        from atombench.engine.sandbox.parent import SandboxedMethod
        tempfile.tempdir = {str(temporary)!r}
        SandboxedMethod("mine", {{}}, (), Path({str(root)!r})).fit({{"a": np.zeros(1)}}, Resources(seed=1))
    """
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], cwd=ROOT) as platform:
        end = time.monotonic() + 60
        while len(alive(temporary)) < 3:  # the method and its two descendants
            assert time.monotonic() < end
            time.sleep(0.1)
        platform.kill()
        platform.wait()
        while alive(temporary):
            assert time.monotonic() < end
            time.sleep(0.1)


@pytest.mark.parametrize(
    ("fit", "reason"),
    [
        ("for n in range(3): open(f'f{n}', 'wb').write(bytes(70 * 2**20))\n        import time; time.sleep(30)", "to disk"),
        (
            "import os, time\n        files = [open(f'f{n}', 'wb') for n in range(3)]\n        for n, file in enumerate(files):"
            " os.unlink(f'f{n}'); file.write(bytes(70 * 2**20)); file.flush()\n        time.sleep(30)",
            "to disk",
        ),
        ("open('f', 'wb').write(bytes(200 * 2**20))", "File too large"),
        ("x = b'x' * (600 * 2**20); import time; time.sleep(30)", "used [0-9]+ MB"),
        ("import mmap; mmap.mmap(-1, 2**20)", "PermissionError"),
        (
            "import socket; a, b = socket.socketpair(); a.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 24)",
            "PermissionError",
        ),
        ("import os; [os.pipe() for _ in range(2000)]", "Too many open files"),
        pytest.param(
            "import mmap, os, time\n        f = open('f', 'wb+'); f.write(bytes(140 * 2**20)); f.flush()\n"
            "        g = open('g', 'wb+'); g.write(bytes(140 * 2**20)); g.flush()\n"
            "        maps = [mmap.mmap(one.fileno(), 140 * 2**20) for one in (f, g)]\n"
            "        os.unlink('f'); os.unlink('g'); f.close(); g.close(); time.sleep(30)",
            "to disk",
            marks=pytest.mark.long,
        ),
        pytest.param(
            "import time\n        for n in range(120_000): open(f'f{n}', 'w').close()\n        time.sleep(30)",
            "than 100000 files",
            marks=pytest.mark.long,
        ),
        pytest.param(
            "import os, time\n        for n in range(400): os.fork() or time.sleep(30)\n        time.sleep(30)",
            "started [0-9]+ processes",
            marks=pytest.mark.long,
        ),
        ("import os; os.memfd_create('x')", "not implemented"),
    ],
    ids=[
        *("files", "deleted files", "one file", "memory", "shared memory", "socket buffers", "pipes"),
        *("mapped files", "many files", "processes", "memory file"),
    ],
)
def test_disk_memory_and_processes_are_limited(
    fit: str, reason: str, toy_data: Curated, toy_manifest: Manifest, tmp_path: Path, temporary: Path
) -> None:
    needs(landlock_version() and seccomp_works(), "Landlock and libseccomp")
    memory = 4000 if "fork" in fit else 500  # each process has a few MB of its own
    with pytest.raises(MethodFailure, match=reason):
        fitted(submitted(tmp_path, fit=fit, memory=memory, disk=150), toy_data, toy_manifest)
    assert alive(temporary) == []


@pytest.mark.long
def test_memory_that_forks_share_counts_once(toy_data: Curated, toy_manifest: Manifest, tmp_path: Path) -> None:
    shared = """x = np.ones(40 * 2**20)
        import os, time
        for n in range(3):
            if os.fork() == 0:
                time.sleep(1)
                os._exit(0)
        time.sleep(1)
        return {'held_mb': np.array([x.nbytes / 2**20])}"""
    method = submitted(tmp_path, fit=shared, memory=700)
    found = method.fit(make_training(toy_data, toy_manifest), Resources(seed=1))
    assert 4 * found["held_mb"][0] > 700  # each of the four processes has it


def test_a_checkout_next_to_system_folders_is_not_readable(toy_data: Curated, toy_manifest: Manifest, tmp_path: Path) -> None:
    needs(landlock_version(), "Landlock")
    needs(os.access("/opt", os.W_OK), "root")
    with tempfile.TemporaryDirectory(dir="/opt", prefix="atombench-test-") as place:
        (Path(place) / "labels.npy").write_text("labels")
        with pytest.raises(MethodFailure, match="PermissionError"):
            fitted(submitted(tmp_path, fit=f"open('{place}/labels.npy').read()"), toy_data, toy_manifest)


@pytest.mark.parametrize("path", ["/etc/hostname", "/etc/passwd", "/usr/bin/env", "/proc/1/cmdline", "/sys/kernel/mm"])
def test_system_files_that_no_method_needs_are_not_readable(
    path: str, toy_data: Curated, toy_manifest: Manifest, tmp_path: Path
) -> None:
    needs(landlock_version(), "Landlock")
    action = f"import os; (os.listdir if os.path.isdir({path!r}) else open)({path!r})"
    with pytest.raises(MethodFailure, match="PermissionError"):
        fitted(submitted(tmp_path, fit=action), toy_data, toy_manifest)


def test_a_submission_may_not_ask_for_more_than_the_platform_gives() -> None:
    with pytest.raises(ValueError, match=f"less than or equal to {MOST_MEMORY_MB}"):
        MethodFile(file="m.py", cls="M", memory_mb=1_000_000)
    assert Limits(1, 1, 1).processes < 1000


@pytest.mark.long
def test_torch_trains_in_the_sandbox(toy_data: Curated, toy_manifest: Manifest, tmp_path: Path) -> None:
    """Libraries find what they need to read."""
    needs(shutil.which("unshare"), "unshare")
    code = """import torch, scipy.ndimage, pandas, sklearn.ensemble
        layer = torch.nn.Conv3d(1, 4, 3)
        layer(torch.rand(1, 1, 20, 20, 20)).sum().backward()
        sklearn.ensemble.RandomForestClassifier(4, n_jobs=1).fit(np.random.rand(50, 4), np.arange(50) % 2)
        return {'gradient': layer.weight.grad.numpy()}"""
    method = submitted(tmp_path, fit=code, memory=4000)
    gradient = method.fit(make_training(toy_data, toy_manifest), Resources(seed=1))["gradient"]
    assert gradient.shape == (4, 1, 3, 3, 3)
    assert np.isfinite(gradient).all()
