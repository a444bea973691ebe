"""Steps that stop with the run that started them.

A killed run leaves its steps behind. They would go on writing into the folder in which the next run already works, so each step
watches the main process and stops soon after it. A step started by hand has no main process to watch, and on a machine without
/proc nothing is watched.
"""

from __future__ import annotations

import os
import platform
import sys
import threading
import time
from pathlib import Path

VARIABLE = "ATOMBENCH_MAIN"
SECONDS_BETWEEN_LOOKS = 0.5
EXIT_STATUS = 143  # as after SIGTERM


def lead_steps() -> None:
    """Name this process in the environment as the one that the steps started from it watch."""
    if started := _start_time(os.getpid()):
        os.environ[VARIABLE] = f"{platform.node()} {os.getpid()} {started}"


def follow_main() -> None:
    """Stop this process soon after the main process named in the environment ends, if that one is on this machine."""
    named = os.environ.get(VARIABLE, "").split()
    if len(named) == 3 and named[0] == platform.node():
        threading.Thread(target=_watch, args=(int(named[1]), named[2]), daemon=True).start()


def is_running(pid: int) -> bool:
    """Return whether a process of this machine is running; False on a machine without /proc."""
    return bool(_start_time(pid))


def _watch(pid: int, started: str) -> None:
    while _start_time(pid) == started:
        time.sleep(SECONDS_BETWEEN_LOOKS)
    sys.stderr.write("error: the Snakemake run that started this step has ended, so the step stops\n")
    sys.stderr.flush()
    os._exit(EXIT_STATUS)


def _start_time(pid: int) -> str:
    """Return when a process started, in clock ticks since boot (independent of the clock); empty if it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]  # state, and field 22 of proc(5)
