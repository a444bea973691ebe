"""A GPU for each job on a workstation: jobs that run at once never share one.

Snakemake counts GPUs but does not say which one a job may use. Each step that wants one therefore takes the first whose lock
file is free, and makes it the only one that it sees. The lock is the operating system's, so it ends with the process. In a
SLURM job with one GPU the scheduler has chosen already.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import tempfile
import time
from pathlib import Path
from typing import IO

from atombench.progress import logger

VARIABLE = "CUDA_VISIBLE_DEVICES"
SECONDS_BETWEEN_LOOKS = 1.0

_held: list[IO[str]] = []


def claim_gpu(device: str) -> str | None:
    """Take a free GPU for this process, before anything asks for one; waits until one is free.

    Args:
        device: as the user gave it; only `auto` and `cuda` leave the choice open.

    Returns:
        What this process now sees as its only GPU; None where there was nothing to choose.
    """
    gpus = _visible() if device in ("auto", "cuda") else []
    if not gpus or ("SLURM_JOB_ID" in os.environ and len(gpus) == 1):
        return None
    chosen = _first_free(gpus)
    os.environ[VARIABLE] = chosen
    logger.info("this step uses GPU %s", chosen)
    return chosen


def _visible() -> list[str]:
    """GPUs that this process may use: those named in the environment, or all of the machine."""
    if VARIABLE in os.environ:
        return [name for part in os.environ[VARIABLE].split(",") if (name := part.strip()) and not name.startswith("-")]
    try:
        answer = subprocess.run(["nvidia-smi", "--list-gpus"], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return []
    count = sum(line.startswith("GPU ") for line in answer.stdout.splitlines()) if answer.returncode == 0 else 0
    return [str(number) for number in range(count)]


def _first_free(gpus: list[str]) -> str:
    folder = Path(tempfile.gettempdir()) / f"atombench-gpus-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    told = False
    while True:
        for name in gpus:
            stream = (folder / f"{name.replace('/', '-')}.lock").open("a")
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                stream.close()
                continue
            _held.append(stream)
            return name
        if not told:
            logger.info("all GPUs (%s) are in use by other steps; waiting", ", ".join(gpus))
            told = True
        time.sleep(SECONDS_BETWEEN_LOOKS)
