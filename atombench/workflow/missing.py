"""Runs that ended without a record: the reasons, as far as their logs and the scheduler tell.

A method that fails by its own fault leaves a record. A job that is killed, that runs out of memory or time, or that never gets
its data leaves none. At the end of a call these runs are listed with their reasons, so that the board shows them. The next call
tries them again.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

from atombench.engine.method_name import MethodName
from atombench.records.layout import Layout
from atombench.records.run import Run
from atombench.records.run_list import LostRun
from atombench.tasks.table import find_task

STEPS = {"train": "training.json", "predict": "predicting.json", "evaluate": "record.json"}  # each with its last output
EARLIER = ("split", "curate", "fetch")
SECONDS_FOR_AN_ANSWER = 20
LONGEST_REASON = 300


def lost_runs(runs: Iterable[Run], root: Path) -> list[LostRun]:
    """Return the runs without a record, each with its reason.

    Args:
        runs: all runs of the configuration.
        root: folder in which the workflow ran.
    """
    layout = Layout(root / "results", root / "logs")
    missing = [run for run in runs if not layout.record(run).is_file()]
    return [LostRun(run=run, role=_role(run), reason=reason_of(run, layout)) for run in missing]


def reason_of(run: Run, layout: Layout) -> str:
    """Return why a run has no record."""
    for step, output in STEPS.items():
        folder = layout.trained(run) if step == "train" else layout.answered(run)
        if (folder / output).is_file() or (step == "train" and MethodName.read(run.method).source):
            continue
        if (log := layout.log(step, run)).is_file():
            return _shortened(f"{step}: {_failure(log)}")
        break
    for step in EARLIER:
        log = layout.log(step, run, find_task(run.task).form(run.board))
        if log.is_file() and (message := _last_error(log)):
            return _shortened(f"{step}: {message}")
    return "not started: an earlier step failed, or the run was stopped"


def _role(run: Run) -> str:
    return find_task(run.task).registry.entry(run.method).role


def _failure(log: Path) -> str:
    """Return the error in a step's log, or what is known of a step that logged none."""
    if message := _last_error(log):
        return message
    job = re.search(r"SLURM job (\d+)", log.read_text(encoding="utf-8", errors="replace"))
    state = _slurm_state(job[1]) if job else ""
    return f"exited without an error message ({f'SLURM state {state}' if state else 'probably out of memory'})"


def _last_error(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return next((line.partition("error: ")[2] for line in reversed(lines) if "error: " in line), "")


def _slurm_state(job: str) -> str:
    command = ["squeue", "--states=all", "--noheader", f"--jobs={job}", "--format=%T"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS_FOR_AN_ANSWER, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.strip().splitlines()[0] if answer.returncode == 0 and answer.stdout.strip() else ""


def _shortened(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= LONGEST_REASON else text[: LONGEST_REASON - 1] + "…"
