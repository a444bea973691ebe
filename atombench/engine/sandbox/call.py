"""One call of a submitted method: start its child process, watch its limits, and end every process of it."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO, Any

from atombench.engine.sandbox.processes import Limits, ProcessTree, folder_files, folder_mb, prefix
from atombench.io.files import read_json, write_json

CHILD = "atombench.engine.sandbox.child"
POLL_SECONDS = 0.2
POLLS_PER_DISK_CHECK = 5
LONGEST_OUTPUT = 50_000_000  # bytes
KEPT_VARIABLES = ("PATH", "PYTHONPATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES")


@cache
def landlock_version() -> int:
    """Return the version of Landlock's interface on this system; 0 without Landlock. Version 3 forbids truncation."""
    try:
        import landlockpy
    except ImportError:
        return 0
    return int(landlockpy.abi_version()) if landlockpy.supported() else 0


@cache
def seccomp_works() -> bool:
    """Return whether this system can block system calls; this needs libseccomp."""
    try:
        import pyseccomp
    except (ImportError, OSError, RuntimeError):
        return False
    return bool(pyseccomp.get_api())


def call(
    work: Path,
    job: Mapping[str, Any],
    limits: Limits,
    threads: int,
    kept_open: Sequence[int] = (),
) -> str:
    """Execute a job in a confined child process.

    Args:
        work: the only folder in which the child can write; it must contain the inputs of the job.
        job: step, and what the step needs; see child.py.
        limits: beyond them, the child is killed.
        threads: processor threads of numerical libraries.
        kept_open: file descriptors that the child inherits.

    Returns:
        Why the call failed; empty if it did not. No process of the child is alive any more.
    """
    confinement = {"landlock": landlock_version() > 0, "seccomp": seccomp_works(), "disk_mb": limits.disk_mb}
    write_json(work / "job.json", {**job, **confinement})
    before_mb = folder_mb(work)
    earlier = ProcessTree.prepare()
    with tempfile.TemporaryFile() as output:  # outside the folder
        child = subprocess.Popen(
            [*prefix(), sys.executable, "-m", CHILD, str(work)],
            cwd=work,
            env=_environment(work, threads),
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            start_new_session=True,
            pass_fds=kept_open,
        )
        tree = ProcessTree(child, earlier)
        try:
            problem = _watch(tree, limits, output, work, before_mb)
        finally:
            tree.kill()
        if not problem and child.returncode != 0:
            problem = _exit_reason(output, child.returncode)
    return problem


def _environment(work: Path, threads: int) -> dict[str, str]:
    """Return the environment of the child, without names, keys and addresses of the user."""
    kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    private = {"HOME": str(work), "TMPDIR": str(work), "LOGNAME": "method", "PYTHONDONTWRITEBYTECODE": "1"}
    return {**kept, **private, "PYTHONNOUSERSITE": "1", "OMP_NUM_THREADS": str(threads)}


def _watch(tree: ProcessTree, limits: Limits, output: IO[bytes], work: Path, before_mb: float) -> str:
    """Wait for the child; return the limit that it exceeded, or an empty text."""
    end, polls = time.monotonic() + 60 * limits.minutes, 0
    while tree.child.poll() is None:
        if time.monotonic() > end:
            return f"took more than its limit of {limits.minutes:g} minutes"
        if tree.resident_mb() > limits.memory_mb and (used := tree.proportional_mb()) > limits.memory_mb:
            return f"used {used:.0f} MB, more than its limit of {limits.memory_mb} MB"
        if os.fstat(output.fileno()).st_size > LONGEST_OUTPUT:
            return f"printed more than {LONGEST_OUTPUT} bytes"
        if polls % POLLS_PER_DISK_CHECK == 0:
            if (written := folder_mb(work) - before_mb + tree.deleted_mb()) > limits.disk_mb:
                amount = f"{written:.0f} MB" if math.isfinite(written) else "more files than can be counted"
                return f"wrote {amount} to disk, more than its limit of {limits.disk_mb} MB"
            if (count := folder_files(work)) > limits.files:
                return f"made more than {limits.files} files"
            if (count := len(tree.processes())) > limits.processes:
                return f"started {count} processes, more than the limit of {limits.processes}"
        polls += 1
        time.sleep(POLL_SECONDS)
    return ""


def _exit_reason(output: IO[bytes], status: int) -> str:
    """Return the exit status of the child and the last line that it printed."""
    output.seek(max(0, os.fstat(output.fileno()).st_size - 4000))
    text = output.read(4000).decode("utf-8", errors="replace")
    lines = [line for line in text.splitlines() if line.strip()]
    return f"exited with status {status}: {lines[-1] if lines else 'no error message'}"


def read_job(work: Path) -> dict[str, Any]:
    """Return the job of a child, as written by `call`."""
    job: dict[str, Any] = read_json(work / "job.json")
    return job
