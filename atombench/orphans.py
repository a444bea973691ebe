"""Steps that end with the run that started them.

A run that is killed leaves its steps behind. They would go on writing into the folder in which the next run already works, so
each step watches the main process and ends soon after it. A step that was started by hand has no main process to watch.
"""

from __future__ import annotations

import os
import platform
import threading
import time

import psutil

VARIABLE = "ATOMBENCH_MAIN"
SECONDS_BETWEEN_LOOKS = 0.5
EXIT_STATUS = 143  # as after SIGTERM


def lead_steps() -> None:
    """Make this process the one that the steps started from it watch."""
    me = psutil.Process()
    os.environ[VARIABLE] = f"{platform.node()} {me.pid} {me.create_time()}"


def follow_main() -> None:
    """End this process soon after the main process named in the environment has gone, if there is one on this machine."""
    named = os.environ.get(VARIABLE, "").split()
    if len(named) != 3 or named[0] != platform.node():
        return
    pid, started = int(named[1]), float(named[2])
    threading.Thread(target=_watch, args=(pid, started), daemon=True).start()


def _watch(pid: int, started: float) -> None:
    while True:
        if not _alive(pid, started):
            os._exit(EXIT_STATUS)
        time.sleep(SECONDS_BETWEEN_LOOKS)


def _alive(pid: int, started: float) -> bool:
    try:
        process = psutil.Process(pid)
        return process.create_time() == started and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
