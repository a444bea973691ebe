"""The lock that keeps two runs from working in one folder.

Snakemake's own lock is a set of files, which a killed run leaves behind; the profiles switch it off. Here the operating system
holds the lock, so that it ends with the process. The lock file names the process that holds it and is emptied at a clean end. A
file system may not pass locks from node to node, so the name of a process on another node is taken seriously even where the
lock itself is free.
"""

from __future__ import annotations

import errno
import fcntl
import os
import platform
import pwd
import re
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import IO

from atombench.errors import AtomBenchError
from atombench.workflow.processes import is_running

LOCK_FILE = "atombench.lock"
UNSUPPORTED = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}
OWNER = re.compile(r"process (\d+) on (\S+), since ")

_held: list[IO[str]] = []


class LockError(AtomBenchError):
    """Another run works in the folder, or nothing can be written there."""


def take_run_lock(folder: Path) -> str:
    """Take the lock of the runs in a folder, until `release_run_lock` or the end of this process.

    Args:
        folder: Snakemake's own folder (`.snakemake`); created if missing.

    Returns:
        The killed run from which the lock was taken over; empty if the last run released it.

    Raises:
        LockError: another run holds the lock or may hold it, or the folder is not writable.
    """
    stream = _opened(folder / LOCK_FILE)
    try:
        supported = _locked(stream)
        stream.seek(0)
        previous = stream.read().strip()
        _refuse_living(previous, folder / LOCK_FILE, supported=supported)
        stream.truncate(0)
        since = datetime.now().isoformat(" ", "minutes")
        stream.write(f"process {os.getpid()} on {platform.node()}, since {since}, by {_user_name(os.getuid())}\n")
        stream.flush()
    except OSError as error:
        stream.close()
        raise LockError(_not_writable(folder, error)) from error
    except LockError:
        stream.close()
        raise
    _held.append(stream)
    return previous


def require_writable(folder: Path) -> None:
    """Raise LockError if a run cannot write in a folder (`.snakemake`) or create it; nothing is written."""
    if not os.access(folder if folder.exists() else folder.absolute().parent, os.W_OK | os.X_OK):
        raise LockError(_not_writable(folder, PermissionError(errno.EACCES, os.strerror(errno.EACCES))))


def release_run_lock() -> None:
    """Release the lock that this process holds; do nothing if it holds none."""
    while _held:
        with suppress(OSError), _held.pop() as stream:
            stream.truncate(0)


def _opened(path: Path) -> IO[str]:
    try:
        path.parent.mkdir(exist_ok=True)
        return path.open("a+", encoding="utf-8")
    except OSError as error:
        raise LockError(_not_writable(path.parent, error)) from error


def _locked(stream: IO[str]) -> bool:
    """Lock a file; return False where the file system has no locks.

    Raises:
        LockError: another process holds it.
    """
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        stream.seek(0)
        owner = stream.read().strip() or "an unknown process"
        msg = f"another run is working in this folder ({owner}); until it ends, only dry runs (-n) are possible"
        raise LockError(msg) from None
    except OSError as error:
        if error.errno not in UNSUPPORTED:
            raise
        return False
    return True


def _refuse_living(owner: str, path: Path, *, supported: bool) -> None:
    """Raise LockError if the run named in a lock file may be alive although the lock could be taken."""
    named = OWNER.match(owner)
    if named is None:
        return
    here = named[2] == platform.node()
    if not here or (not supported and is_running(int(named[1]))):
        msg = f"another run may be working in this folder ({owner}); if it is dead, delete {path} and start again"
        raise LockError(msg)


def _not_writable(folder: Path, error: OSError) -> str:
    place = folder.absolute().parent
    return f"{place} (owner: {_user_name(place.stat().st_uid)}) is not writable: {error.strerror or error}"


def _user_name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"user {user}"
