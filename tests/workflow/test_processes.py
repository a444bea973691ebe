"""Tests of orphaned steps: a step stops soon after its run was killed, unless it was started manually."""

import os
import subprocess
import sys
import time

import psutil

from atombench.workflow.processes import is_running
from tests.conftest import ROOT

STEP = (
    "import time; from atombench.workflow.processes import follow_main; follow_main(); print('up', flush=True); time.sleep(60)"
)
MAIN = (
    "import subprocess, sys; from atombench.workflow.processes import lead_steps; lead_steps();"
    "p = subprocess.Popen([sys.executable, '-c', sys.argv[1]]); print(p.pid, flush=True); p.wait()"
)


def test_a_step_stops_soon_after_its_main_process_was_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", MAIN, STEP], stdout=subprocess.PIPE, text=True, cwd=ROOT) as run:
        step = psutil.Process(int(run.stdout.readline()))
        assert run.stdout.readline() == "up\n"
        time.sleep(1.5)
        assert is_running(step.pid)
        run.kill()
        end = time.monotonic() + 10
        while is_running(step.pid) and time.monotonic() < end:
            time.sleep(0.05)
        assert not is_running(step.pid)


def test_a_manually_started_step_continues() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "ATOMBENCH_MAIN"}
    with subprocess.Popen([sys.executable, "-c", STEP], stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment) as alone:
        assert alone.stdout.readline() == "up\n"
        time.sleep(1.5)
        assert alone.poll() is None
        alone.kill()


def test_a_process_that_has_ended_is_not_running() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    assert not is_running(process.pid)
    assert is_running(os.getpid())
