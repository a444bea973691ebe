"""A GPU of its own for each step on a workstation.

Snakemake counts GPUs but does not assign them. Each step that needs one therefore takes the first GPU with a free lock file and
hides the others from itself. The operating system holds the lock, so it ends with the process. In a SLURM job with one GPU the
scheduler has already chosen.
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
    """Reserve a GPU for this process, waiting until one is free; call it before any library uses a GPU.

    Args:
        device: as given by the user; only `auto` and `cuda` leave the choice open.

    Returns:
        Name of the only GPU that this process now sees; None if there was nothing to choose.
    """
    gpus = _visible() if device in ("auto", "cuda") else []
    if not gpus or ("SLURM_JOB_ID" in os.environ and len(gpus) == 1):
        return None
    chosen = _first_free(gpus)
    os.environ[VARIABLE] = chosen
    logger.info("this step uses GPU %s", chosen)
    return chosen


def _visible() -> list[str]:
    """Return the GPUs that this process may use: those named in the environment, or all of the machine."""
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
    waiting = False
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
        if not waiting:
            logger.info("all GPUs (%s) are in use by other steps; waiting", ", ".join(gpus))
            waiting = True
        time.sleep(SECONDS_BETWEEN_LOOKS)
