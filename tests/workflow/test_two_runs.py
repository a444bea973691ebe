"""Tests of two runs in one folder: the second is refused with a reason; the lock of a killed run is taken over."""

import subprocess
from pathlib import Path

import pytest

from atombench.workflow.run_lock import LOCK_FILE
from atombench.workflow.start import SNAKEMAKE
from tests.conftest import needs
from tests.workflow.running import (
    PREDICTIONS,
    RECORDS,
    TINY,
    almost_finished,
    copied,
    environment,
    jobs,
    killed_in,
    snakemake,
    step_of,
)

pytestmark = pytest.mark.long
ANSWERS = tuple(pattern.replace("*/seed*", "regismcan/seed1") for pattern in (PREDICTIONS, RECORDS))  # take seconds to make
WITHOUT_CAPABILITIES = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search,-fowner", "--inh-caps", "-all")


def test_the_second_of_two_runs_is_refused_and_the_first_continues(tiny_run: Path, tmp_path: Path) -> None:
    folder = almost_finished(tiny_run, tmp_path / "run", *ANSWERS)
    command = ["snakemake", "--cores", "1", *TINY]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, cwd=folder, env=environment(folder), **quiet) as first:
        step_of(first, "predict")
        second = snakemake(folder, *TINY)
        assert second.returncode != 0
        assert f"Cannot start: another run is working in this folder (process {first.pid} on " in second.stdout
        assert "only dry runs (-n) are possible" in second.stdout
        assert "Traceback" not in second.stdout
        assert snakemake(folder, "-n", *TINY).returncode == 0
        assert first.wait(timeout=300) == 0
    assert jobs(snakemake(folder, "-n", *TINY).stdout) == {}
    assert (folder / SNAKEMAKE / LOCK_FILE).read_text() == ""


def test_the_lock_of_a_killed_run_is_taken_over_unless_it_names_another_node(tiny_run: Path, tmp_path: Path) -> None:
    folder = almost_finished(tiny_run, tmp_path / "run", *ANSWERS)
    killed_in(folder, "predict", "run", *TINY)
    lock = folder / SNAKEMAKE / LOCK_FILE
    owner = lock.read_text()
    elsewhere = "process 7 on another-node, since 2026-01-01 00:00, by somebody"
    lock.write_text(elsewhere)
    refused = snakemake(folder, *TINY)
    assert refused.returncode != 0
    assert f"another run may be working in this folder ({elsewhere}); if it is dead, delete" in refused.stdout
    lock.write_text(owner)
    answer = snakemake(folder, *TINY)
    assert answer.returncode == 0, answer.stdout
    assert f"An earlier run was killed ({owner.strip()}). Its lock was taken over." in answer.stdout


def test_the_error_names_a_folder_that_is_not_writable_and_its_owner(tmp_path: Path) -> None:
    needs(subprocess.run([*WITHOUT_CAPABILITIES, "true"], capture_output=True, check=False).returncode == 0, "setpriv as root")
    folder = copied(tmp_path)
    assert snakemake(folder, "-n", *TINY).returncode == 0
    subprocess.run(["chmod", "--recursive", "a+rX", str(folder)], check=True)
    subprocess.run(["chown", "--recursive", "--no-dereference", "nobody", str(folder)], check=True)
    command = [*WITHOUT_CAPABILITIES, "snakemake", "--cores", "1", *TINY]
    answer = subprocess.run(command, cwd=folder, env=environment(folder), capture_output=True, text=True, check=False)
    assert answer.returncode != 0
    assert f"Cannot start: {folder} (owner: nobody) is not writable: Permission denied" in answer.stderr
    assert "Traceback" not in answer.stderr
