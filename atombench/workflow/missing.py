"""Runs that ended without a record: why, as far as their logs and the scheduler can tell.

A method's own fault makes a record. A job that is killed, that runs out of memory or time, or whose data never came
leaves none; after a run's end these are listed with their reasons, so that the board shows them. The next call tries them
again.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

from atombench.engine.method_name import MethodName
from atombench.engine.registry import entry_of
from atombench.records.record import Unit
from atombench.records.run_list import LostRun, log_of, unit_folder

STEPS = {"train": "training.json", "predict": "predicting.json", "evaluate": "record.json"}  # each with what it writes last
EARLIER = ("split", "curate", "fetch")
SECONDS_FOR_AN_ANSWER = 20
LONGEST_REASON = 300


def lost_runs(units: Iterable[Unit], root: Path) -> list[LostRun]:
    """Units of a run without a record, each with its reason.

    Args:
        units: all units of the run.
        root: folder in which the workflow ran.
    """
    missing = [unit for unit in units if not (root / unit_folder(unit) / "record.json").is_file()]
    return [LostRun(unit=unit, role=entry_of(unit.method).role, reason=reason_of(unit, root)) for unit in missing]


def reason_of(unit: Unit, root: Path) -> str:
    """Why a unit has no record."""
    for step, output in STEPS.items():
        source = MethodName.read(unit.method).source
        if (root / unit_folder(unit) / output).is_file() or (step == "train" and source):
            continue
        if (log := root / log_of(step, unit)).is_file():
            return _shortened(f"{step}: {_last_words(log)}")
        break
    for step in EARLIER:
        log = root / log_of(step, unit)
        if log.is_file() and (told := _error(log)):
            return _shortened(f"{step}: {told}")
    return "was not begun: a step before it did not end, or the run was stopped"


def _last_words(log: Path) -> str:
    if told := _error(log):
        return told
    job = re.search(r"SLURM job (\d+)", log.read_text(encoding="utf-8", errors="replace"))
    state = _slurm_state(job[1]) if job else ""
    why = f"SLURM says {state}" if state else "killed, perhaps for its memory"
    return f"ended without a word ({why})"


def _error(log: Path) -> str:
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
