"""SLURM jobs that a dead Snakemake run left behind in a folder.

On one machine a step stops with the run that started it (see `processes`); jobs of a cluster do not. They would write into the
folder in which the next run works, so that run cancels them before it begins. A training saves its state when it is cancelled.
"""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path

from atombench.errors import DataError

SECONDS_FOR_AN_ANSWER = 60
SECONDS_TO_END = 180
SECONDS_BETWEEN_LOOKS = 1.0
NAME = re.compile(r"(?:.*_)?[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")  # Snakemake's plugin names a job by the run's UUID


def orphaned_jobs(folder: Path) -> list[str]:
    """Return the ids of this user's pending and running jobs that Snakemake submitted from a folder; none without SLURM.

    Args:
        folder: where the dead run worked. The caller must hold the folder's run lock, or jobs of a living run count too.
    """
    command = ["squeue", "--me", "--noheader", "--format=%A|%j|%Z"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS_FOR_AN_ANSWER, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return []
    rows = [line.split("|", 2) for line in answer.stdout.splitlines() if line.count("|") >= 2]
    return sorted({job for job, name, place in rows if NAME.fullmatch(name) and _same_folder(place, folder)})


def cancel_jobs(jobs: list[str], folder: Path) -> None:
    """Cancel jobs and wait until they have ended.

    Raises:
        DataError: the jobs cannot be cancelled, or some are still there after three minutes.
    """
    try:
        subprocess.run(["scancel", *jobs], capture_output=True, timeout=SECONDS_FOR_AN_ANSWER, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        msg = f"cannot cancel the SLURM jobs of an earlier run ({' '.join(jobs)}): {error}; cancel them, then start again"
        raise DataError(msg) from error
    end = time.monotonic() + SECONDS_TO_END
    while left := sorted(set(jobs) & set(orphaned_jobs(folder))):
        if time.monotonic() > end:
            msg = f"SLURM jobs of an earlier run here do not end: {' '.join(left)}; see `squeue --me`, then start again"
            raise DataError(msg)
        time.sleep(SECONDS_BETWEEN_LOOKS)


def _same_folder(place: str, folder: Path) -> bool:
    try:
        return Path(place).samefile(folder)
    except OSError:
        return False
