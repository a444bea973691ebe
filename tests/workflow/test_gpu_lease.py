"""Tests of the GPU lease: simultaneous processes use different GPUs; the lock is released when the process ends."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from atombench.workflow.gpu_lease import claim_gpu
from tests.conftest import ROOT

CLAIM = "import sys; from atombench.workflow.gpu_lease import claim_gpu; print(claim_gpu('auto'), flush=True); sys.stdin.read()"


@pytest.fixture
def machine(tmp_path: Path) -> dict[str, str]:
    """Return the environment of a machine with two GPUs and a separate folder for lock files."""
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 'GPU 0: one (UUID: a)'\necho 'GPU 1: two (UUID: b)'\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    for name in ("CUDA_VISIBLE_DEVICES", "SLURM_JOB_ID"):
        environment.pop(name, None)
    return environment


def start(environment: dict[str, str]) -> subprocess.Popen[str]:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, "-c", CLAIM], env=environment, **pipes)


def claimed(process: subprocess.Popen[str]) -> str:
    return process.stdout.readline().strip()


def test_simultaneous_steps_use_different_gpus_and_a_third_step_waits(machine: dict[str, str]) -> None:
    with start(machine) as first, start(machine) as second:
        assert {claimed(first), claimed(second)} == {"0", "1"}
        with start(machine) as third:
            with pytest.raises(subprocess.TimeoutExpired):
                third.wait(timeout=2)
            second.kill()  # the process cannot release its lock itself
            assert claimed(third) in ("0", "1")
            third.stdin.close()
        first.stdin.close()


def test_only_gpus_allowed_by_the_environment_are_used(machine: dict[str, str]) -> None:
    with start({**machine, "CUDA_VISIBLE_DEVICES": "1"}) as process:
        assert claimed(process) == "1"
        process.stdin.close()


@pytest.mark.parametrize(
    "change",
    [
        {"SLURM_JOB_ID": "7", "CUDA_VISIBLE_DEVICES": "0"},
        {"CUDA_VISIBLE_DEVICES": ""},
        {"CUDA_VISIBLE_DEVICES": "-1"},
        {"PATH": ""},
    ],
)
def test_no_gpu_is_claimed_if_the_scheduler_assigned_one_or_none_exists(
    change: dict[str, str], machine: dict[str, str]
) -> None:
    with start({**machine, **change}) as process:
        assert claimed(process) == "None"
        process.stdin.close()


def test_a_device_chosen_by_the_user_is_not_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    assert claim_gpu("cpu") is None
    assert claim_gpu("cuda:1") is None
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "0,1"
