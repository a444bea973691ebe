"""Processes of a submitted method as seen from outside: how they are started, what they use, and how all of them are killed."""

from __future__ import annotations

import ctypes
import math
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import psutil

NAMESPACES = (("--user", "--map-current-user"), ())  # as a user, then as root
SEPARATE = ("--net", "--pid", "--ipc", "--uts")
PR_SET_CHILD_SUBREAPER = 36
KILL_SECONDS = 10
COUNT_SECONDS = 30


@dataclass(frozen=True)
class Limits:
    """Limits of one call of a method.

    Attributes:
        memory_mb: memory of all its processes together, in MiB; shared pages count once.
        disk_mb: files that it writes, in MiB.
        minutes: duration.
        processes: number of processes at a time.
        files: number of files and folders.
    """

    memory_mb: int
    disk_mb: int
    minutes: float
    processes: int = 256
    files: int = 100_000


@cache
def namespaces() -> tuple[str, ...]:
    """Return the prefix of a command that gives it its own network, processes and shared memory; empty if unavailable."""
    for kinds in NAMESPACES:
        command = ("unshare", *kinds, *SEPARATE, "--fork", "--kill-child")
        if _works(*command, "true"):
            return command
    return ()


@cache
def prefix() -> tuple[str, ...]:
    """Return the prefix of the command of a method: its own namespaces if possible, and killed when this process ends."""
    with_parent = ("setpriv", "--pdeathsig", "KILL")
    return (*(with_parent if _works(*with_parent, "true") else ()), *namespaces())


def _works(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=20, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


class ProcessTree:
    """A child process with all its descendants, also those whose parents have exited."""

    def __init__(self, child: subprocess.Popen[bytes], earlier: set[int]) -> None:
        self.child, self.earlier = child, earlier

    @classmethod
    def prepare(cls) -> set[int]:
        """Make this process the parent of orphaned descendants; return the children that it has already."""
        libc = ctypes.CDLL(None)
        libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        return {process.pid for process in psutil.Process().children()}

    def processes(self) -> list[psutil.Process]:
        """Return the living processes of the tree."""
        found: list[psutil.Process] = []
        with suppress(psutil.Error):
            for process in psutil.Process().children():
                if process.pid not in self.earlier:
                    found.append(process)
                    with suppress(psutil.Error):
                        found += process.children(recursive=True)
        return [process for process in found if _lives(process)]

    def resident_mb(self) -> float:
        """Return the resident memory in MiB; pages that several processes share count once for each of them."""
        return sum(_used(process, "rss") for process in self.processes()) / 2**20

    def proportional_mb(self) -> float:
        """Return the resident memory in MiB; shared pages count once in all. This takes longer to find out."""
        return sum(_used(process, "pss") for process in self.processes()) / 2**20

    def deleted_mb(self) -> float:
        """Return the size of the open files that have been deleted, in MiB; each counts once."""
        found: dict[tuple[int, int], int] = {}
        for process in self.processes():
            for about in _open_files(process.pid):
                if stat.S_ISREG(about.st_mode) and about.st_nlink == 0:
                    found[about.st_dev, about.st_ino] = about.st_blocks * 512
            for inode, size in _deleted_maps(process.pid):
                found[0, inode] = max(size, found.get((0, inode), 0))
        return sum(found.values()) / 2**20

    def kill(self) -> None:
        """Kill all processes from outside, first those that could start others, until none is alive."""
        for _ in range(100):
            alive = self.processes()
            if not alive:
                break
            for process in reversed(alive):  # the first process of a namespace is below `unshare`; all others end with it
                with suppress(psutil.Error):
                    process.send_signal(signal.SIGKILL)
            psutil.wait_procs(alive, timeout=KILL_SECONDS)
        with suppress(subprocess.TimeoutExpired):
            self.child.wait(KILL_SECONDS)
        if self.child.stdin is not None:
            self.child.stdin.close()


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _used(process: psutil.Process, kind: str) -> float:
    try:
        if kind == "pss":
            return float(process.memory_full_info().pss)
        return float(process.memory_info().rss)
    except psutil.AccessDenied:
        return _used(process, "rss") if kind == "pss" else 0.0
    except psutil.Error:
        return 0.0


def _open_files(pid: int) -> Iterator[os.stat_result]:
    try:
        names = os.listdir(f"/proc/{pid}/fd")
    except OSError:
        return
    for name in names:
        with suppress(OSError):
            yield os.stat(f"/proc/{pid}/fd/{name}")


def _deleted_maps(pid: int) -> Iterator[tuple[int, int]]:
    """Yield inode and size in bytes of the mapped parts of deleted files."""
    try:
        lines = Path(f"/proc/{pid}/maps").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        ends, _, _, _, inode, *name = line.split(None, 5)
        if name and name[0].endswith("(deleted)"):
            first, last = ends.split("-")
            yield int(inode), int(last, 16) - int(first, 16)


def make_readable(folder: Path) -> None:
    """Allow the owner to read and enter all folders in a folder; a method may have forbidden it."""
    subprocess.run(["chmod", "-R", "u+rwX", "--", str(folder)], capture_output=True, check=False)


def folder_files(folder: Path) -> int:
    """Return the number of files in a folder; a large number if it cannot be counted."""
    command = ["du", "--summarize", "--inodes", "--", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, timeout=COUNT_SECONDS, check=False)
        return int(done.stdout.split()[0])
    except (OSError, subprocess.TimeoutExpired, ValueError, IndexError):
        return sys.maxsize


def folder_mb(folder: Path) -> float:
    """Return the disk space that a folder uses, in MiB; infinite if it cannot be counted, for example with too many files."""
    command = ["du", "--summarize", "--one-file-system", "--block-size=1K", "--", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, timeout=COUNT_SECONDS, check=False)
        if b"ermission denied" in done.stderr:
            make_readable(folder)
            done = subprocess.run(command, capture_output=True, timeout=COUNT_SECONDS, check=False)
        return int(done.stdout.split()[0]) / 1024
    except (OSError, subprocess.TimeoutExpired, ValueError, IndexError):
        return math.inf
