"""Steps that end with the run that started them.

A run that is killed leaves its steps behind. They would go on writing into the folder in which the next run already works, so
each step watches the main process and ends soon after it. A step that was started by hand has no main process to watch, and
where there is no /proc nothing is watched.
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
    """Make this process the one that the steps started from it watch."""
    if started := _start_of(os.getpid()):
        os.environ[VARIABLE] = f"{platform.node()} {os.getpid()} {started}"


def follow_main() -> None:
    """End this process soon after the main process named in the environment has gone, if there is one on this machine."""
    named = os.environ.get(VARIABLE, "").split()
    if len(named) == 3 and named[0] == platform.node():
        threading.Thread(target=_watch, args=(int(named[1]), named[2]), daemon=True).start()


def _watch(pid: int, started: str) -> None:
    while _start_of(pid) == started:
        time.sleep(SECONDS_BETWEEN_LOOKS)
    sys.stderr.write("error: the Snakemake run that started this step has gone, so the step ends\n")
    sys.stderr.flush()
    os._exit(EXIT_STATUS)


def _start_of(pid: int) -> str:
    """When a process started, in clock ticks since boot (no clock can shift them); empty if it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]  # state, and field 22 of proc(5)
