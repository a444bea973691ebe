"""SLURM jobs that a dead Snakemake run left behind in a folder.

On one machine a step ends with the run that started it (see orphans); jobs of a cluster do not. They would write into the
folder in which the next run works, so that one ends them before it begins. A training keeps its state when it is told to end.
"""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path

from atombench.errors import DataError
from atombench.progress import logger

SECONDS_FOR_AN_ANSWER = 60
SECONDS_TO_END = 180
SECONDS_BETWEEN_LOOKS = 1.0
NAME = re.compile(r"(?:.*_)?[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")  # Snakemake's plugin names a job by the run's UUID


def jobs_left_behind(folder: Path) -> list[str]:
    """Ids of this user's pending and running jobs that Snakemake submitted from a folder; none where there is no SLURM.

    Args:
        folder: where the dead run worked. Only who knows that no other run is alive there may take its jobs for left behind.
    """
    command = ["squeue", "--me", "--noheader", "--format=%A|%j|%Z"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS_FOR_AN_ANSWER, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return []
    rows = [line.split("|", 2) for line in answer.stdout.splitlines() if line.count("|") >= 2]
    return sorted({job for job, name, place in rows if NAME.fullmatch(name) and _same(place, folder)})


def end_jobs(jobs: list[str], folder: Path) -> None:
    """Cancel jobs and wait until they have gone.

    Raises:
        DataError: some do not end.
    """
    subprocess.run(["scancel", *jobs], capture_output=True, timeout=SECONDS_FOR_AN_ANSWER, check=False)
    end = time.monotonic() + SECONDS_TO_END
    while left := sorted(set(jobs) & set(jobs_left_behind(folder))):
        if time.monotonic() > end:
            msg = (
                f"SLURM jobs of an earlier run in this folder do not end: {' '.join(left)}; see `squeue --me`, then call again"
            )
            raise DataError(msg)
        time.sleep(SECONDS_BETWEEN_LOOKS)
    logger.info("%d SLURM jobs of an earlier run have ended", len(jobs))


def _same(place: str, folder: Path) -> bool:
    try:
        return Path(place).samefile(folder)
    except OSError:
        return False
