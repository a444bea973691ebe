"""Releases the lock that a killed Snakemake leaves behind, and only that one.

Snakemake locks its working directory with files, which outlive a process that is killed. Here every main process also holds a
shared lock of the operating system, which cannot. Who gets that lock exclusively knows that no other run is alive, so lock
files that are there belong to a dead one. Where another run is alive nothing is touched, and Snakemake itself refuses to start.
"""

from __future__ import annotations

import fcntl
import os
import platform
import pwd
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO

LOCK_FILES = "locks"

_held: list[IO[str]] = []


@dataclass(frozen=True)
class Found:
    """What was found in a folder.

    Attributes:
        released: whether a dead run's lock was there, and is not any more.
        alive: which run is alive there; empty if none is.
        forbidden: why nothing can be written there; empty if it can.
    """

    released: bool = False
    alive: str = ""
    forbidden: str = ""


def release_stale_lock(folder: Path) -> Found:
    """Remove Snakemake's lock files in `folder` (`.snakemake`) if no other run is alive; hold the shared lock from now on."""
    try:
        folder.mkdir(exist_ok=True)
        stream = (folder / "atombench.lock").open("a+")
    except OSError as error:
        return _forbidden(folder, error)
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        stream.seek(0)
        found = Found(alive=stream.read().strip() or "an unknown one")
    else:
        stale = [file for file in (folder / LOCK_FILES).glob("*") if file.is_file()]
        stream.seek(0)
        last = stream.read().strip()
        if stale and last and f" on {platform.node()}," not in last:
            return Found(alive=f"{last}; if that one is dead, `snakemake --unlock`")  # locks may not reach from node to node
        for file in stale:
            file.unlink(missing_ok=True)
        found = Found(released=bool(stale))
        stream.truncate(0)
        began = datetime.now().isoformat(" ", "minutes")
        stream.write(f"process {os.getpid()} on {platform.node()}, since {began}, of {_name(os.getuid())}\n")
        stream.flush()
    with suppress(OSError):  # some file systems know no locks
        fcntl.flock(stream, fcntl.LOCK_SH)
    _held.append(stream)
    return found


def _forbidden(folder: Path, error: OSError) -> Found:
    place = folder.absolute().parent
    return Found(forbidden=f"{place}, which belongs to {_name(place.stat().st_uid)}, cannot be written: {error.strerror}")


def _name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"user {user}"
