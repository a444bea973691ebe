import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from atombench.errors import DataError
from atombench.io.files import file_digest, read_json, write_json, written_whole
from atombench.provenance.code import code_digest, git_state, host, versions
from atombench.workflow.run_lock import release_stale_lock
from tests.conftest import ROOT


def digests_after(change: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """Code digests of a copy of the package in which some files got another line."""
    copy = tmp_path / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(ROOT / "atombench", copy / "atombench", ignore=shutil.ignore_patterns("__pycache__"))
    for name, line in change.items():
        path = copy / "atombench" / name
        path.write_text(path.read_text() + line)
    script = (
        "import sys, json; sys.path.insert(0, sys.argv[1]);"
        "from atombench.provenance.code import code_digest as d;"
        "print(json.dumps({n: d(f'atombench.commands.{n}', *m) for n, m in {'curate': ['atombench.volumes.medmnist'],"
        "'split': [], 'train': ['atombench.tasks.atom.methods.regismcan'], 'board': []}.items()}))"
    )
    answer = subprocess.run([sys.executable, "-c", script, str(copy)], capture_output=True, text=True, check=True, cwd="/")
    import json

    found: dict[str, str] = json.loads(answer.stdout)
    return found


@pytest.mark.parametrize(
    ("changed", "steps"),
    [
        ("methods/regismcan.py", {"train"}),
        ("methods/exhaustive.py", set()),
        ("training/loop.py", {"train"}),
        ("atom/sampling.py", {"split", "train", "board"}),
        ("volumes/medmnist.py", {"curate"}),
        ("volumes/mni_subjects.py", set()),
        ("board/assets/board.css", {"board"}),
        ("cli.py", set()),
        ("methods/table.py", set()),
        ("volumes/registry.py", {"curate", "board"}),
    ],
)
def test_a_digest_follows_the_code_that_a_step_uses_and_nothing_else(changed: str, steps: set[str], tmp_path: Path) -> None:
    before, after = digests_after({}, tmp_path), digests_after({changed: "\n"}, tmp_path)
    assert {name for name in before if before[name] != after[name]} == steps


def test_an_unknown_module_is_refused() -> None:
    with pytest.raises(ModuleNotFoundError, match="not a module"):
        code_digest("atombench.nothing")


def test_provenance_names_no_person_and_no_machine() -> None:
    text = str(host()) + str(versions())
    assert os.uname().nodename not in text
    assert versions()["torch"].startswith("2.")
    assert set(git_state()) == {"commit", "dirty"}


def fail_half_way(path: Path) -> None:
    with written_whole(path) as temporary:
        temporary.write_text("half")
        message = "cut short"
        raise RuntimeError(message)


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file.txt"
    with written_whole(path) as temporary:
        temporary.write_text("first")
        assert not path.exists()
    with pytest.raises(RuntimeError, match="cut short"):
        fail_half_way(path)
    assert path.read_text() == "first"
    assert list(path.parent.iterdir()) == [path]


def test_what_a_killed_writer_left_is_removed_and_a_living_ones_is_not(tmp_path: Path) -> None:
    dead, alive = tmp_path / ".file.4194999.x.partial", tmp_path / f".file.{os.getpid()}.x.partial"
    dead.write_text("half")
    alive.write_text("half")
    with written_whole(tmp_path / "file") as temporary:
        temporary.write_text("whole")
    assert not dead.exists()
    assert alive.exists()


def test_json_refuses_nan_and_names_a_broken_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", {"x": float("nan")})
    assert not (tmp_path / "a.json").exists()
    (tmp_path / "a.json").write_text('{"x": ')
    with pytest.raises(DataError, match="not valid JSON"):
        read_json(tmp_path / "a.json")
    assert len(file_digest(tmp_path / "a.json")) == 64


def test_only_the_lock_of_a_dead_run_is_released(tmp_path: Path) -> None:
    locks = tmp_path / "locks"
    locks.mkdir()
    (locks / "0.input.lock").write_text("x")
    script = (
        "import sys, pathlib; from atombench.workflow.run_lock import release_stale_lock;"
        "found = release_stale_lock(pathlib.Path(sys.argv[1]));"
        "print(found.released, found.alive, flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == "True \n"  # nobody was alive
        (locks / "0.input.lock").write_text("of the living run")
        second = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, input="")
        assert second.stdout.startswith(f"False process {run.pid} on ")
        assert (locks / "0.input.lock").exists()
        run.kill()
    assert release_stale_lock(tmp_path).released
    assert not list(locks.iterdir())


def test_a_step_ends_soon_after_the_run_that_started_it() -> None:
    """A main process starts a step and is killed; the step must not outlive it for long. One started by hand goes on."""
    step = (
        "import time; from atombench.workflow.processes import follow_main;"
        " follow_main(); print('up', flush=True); time.sleep(60)"
    )
    main = (
        "import subprocess, sys; from atombench.workflow.processes import lead_steps; lead_steps();"
        "p = subprocess.Popen([sys.executable, '-c', sys.argv[1]]); print(p.pid, flush=True); p.wait()"
    )
    with subprocess.Popen([sys.executable, "-c", main, step], stdout=subprocess.PIPE, text=True, cwd=ROOT) as run:
        assert run.stdout is not None
        child = psutil.Process(int(run.stdout.readline()))
        assert run.stdout.readline() == "up\n"
        time.sleep(1.5)
        assert child.is_running()
        run.kill()
        end = time.monotonic() + 10
        while child.is_running() and child.status() != psutil.STATUS_ZOMBIE and time.monotonic() < end:
            time.sleep(0.05)
        assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
    with subprocess.Popen([sys.executable, "-c", step], stdout=subprocess.PIPE, text=True, cwd=ROOT) as alone:
        assert alone.stdout is not None
        assert alone.stdout.readline() == "up\n"
        time.sleep(1.5)
        assert alone.poll() is None
        alone.kill()
