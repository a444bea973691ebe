"""Releases the lock that a killed Snakemake leaves behind, and only that one.

Snakemake locks its working directory with files, which outlive a process that is killed. Here every main process also holds a
shared lock of the operating system, which cannot. Who gets that lock exclusively knows that no other run is alive, so lock
files that are there belong to a dead one. Where another run is alive nothing is touched, and Snakemake itself refuses to start.
"""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import IO

LOCK_FILES = "locks"

_held: list[IO[str]] = []


def release_stale_lock(folder: Path) -> bool:
    """Remove Snakemake's lock files in `folder` (`.snakemake`) if no other run is alive; hold the shared lock from now on.

    Returns:
        Whether there was a stale lock.
    """
    try:
        folder.mkdir(exist_ok=True)
        stream = (folder / "atombench.lock").open("a")
    except OSError:
        return False  # a read-only folder cannot hold a lock either; Snakemake will say what it cannot write
    released = False
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        pass  # another run is alive
    else:
        stale = [file for file in (folder / LOCK_FILES).glob("*") if file.is_file()]
        for file in stale:
            file.unlink(missing_ok=True)
        released = bool(stale)
    fcntl.flock(stream, fcntl.LOCK_SH)
    _held.append(stream)
    return released
