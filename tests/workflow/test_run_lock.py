"""Tests of the run lock: one run per folder; the lock of a killed run is taken over, except from another node."""

import errno
import fcntl
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from atombench.workflow.run_lock import LOCK_FILE, LockError, release_run_lock, require_writable, take_run_lock
from tests.conftest import ROOT

TAKE = (
    "import sys, pathlib; from atombench.workflow.run_lock import release_run_lock, take_run_lock;"
    "print(take_run_lock(pathlib.Path(sys.argv[1])), flush=True); sys.stdin.read(); release_run_lock()"
)


@pytest.fixture(autouse=True)
def released_at_the_end() -> object:
    yield
    release_run_lock()


def holder_of(folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", TAKE, str(folder)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)


def without_locks(stream: object, operation: int) -> None:
    raise OSError(errno.ENOLCK, "No locks available")


def test_a_second_run_is_refused_and_the_message_names_the_first(tmp_path: Path) -> None:
    with holder_of(tmp_path) as run:
        assert run.stdout.readline() == "\n"
        with pytest.raises(LockError, match=rf"another run is working.*process {run.pid} on .*, by .*only dry runs \(-n\)"):
            take_run_lock(tmp_path)
        run.stdin.close()
    assert take_run_lock(tmp_path) == ""  # released at a clean end


def test_the_lock_of_a_killed_run_is_taken_over(tmp_path: Path) -> None:
    with holder_of(tmp_path) as run:
        run.stdout.readline()
        run.kill()
    assert take_run_lock(tmp_path).startswith(f"process {run.pid} on {platform.node()}, since ")
    assert (tmp_path / LOCK_FILE).read_text().startswith(f"process {os.getpid()} on ")
    release_run_lock()
    assert (tmp_path / LOCK_FILE).read_text() == ""


def test_a_run_on_another_node_is_assumed_alive_until_its_lock_file_is_deleted(tmp_path: Path) -> None:
    owner = "process 7 on another-node, since 2026-01-01 00:00, by somebody"
    (tmp_path / LOCK_FILE).write_text(owner)
    with pytest.raises(LockError, match=f"may be working .*{owner}.*if it is dead, delete {tmp_path / LOCK_FILE}"):
        take_run_lock(tmp_path)
    assert (tmp_path / LOCK_FILE).read_text() == owner
    (tmp_path / LOCK_FILE).unlink()
    assert take_run_lock(tmp_path) == ""


def test_a_live_process_on_this_machine_holds_the_lock_even_without_file_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fcntl, "flock", without_locks)
    assert take_run_lock(tmp_path) == ""
    with pytest.raises(LockError, match=f"may be working .*process {os.getpid()} "):
        take_run_lock(tmp_path)
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    (tmp_path / LOCK_FILE).write_text(f"process {dead.pid} on {platform.node()}, since 2026-01-01 00:00, by somebody\n")
    assert take_run_lock(tmp_path).startswith(f"process {dead.pid} ")


def test_the_error_names_a_folder_that_is_not_writable_and_its_owner(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LockError, match=rf"{tmp_path}/file \(owner: .+\) is not writable: Not a directory"):
        take_run_lock(tmp_path / "file/.snakemake")


def test_a_folder_without_permission_is_refused_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_writable(tmp_path / ".snakemake")
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(LockError, match=rf"{tmp_path} \(owner: .+\) is not writable: Permission denied"):
        require_writable(tmp_path / ".snakemake")
