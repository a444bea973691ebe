"""Logging and progress of long steps: a progress bar on a terminal, otherwise a line every few seconds."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from tqdm import tqdm

from atombench.errors import DataError

logger = logging.getLogger("atombench")
T = TypeVar("T")
SECONDS_BETWEEN_LINES = 10.0


def log_to(path: Path | None) -> None:
    """Send the log messages of the package to standard error and, if a path is given, to that file as well.

    Raises:
        DataError: the file cannot be written.
    """
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr)]
    if path is not None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handlers.append(logging.FileHandler(path, mode="w", encoding="utf-8"))
        except OSError as error:
            msg = f"cannot write the log {path}: {error.strerror or error}"
            raise DataError(msg) from error
    for handler in handlers:
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    logger.handlers = handlers
    logger.setLevel(logging.INFO)
    if job := os.environ.get("SLURM_JOB_ID"):
        logger.info("SLURM job %s", job)


class Progress:
    """Count finished items of work and report progress, speed and remaining time."""

    def __init__(self, total: int | None, label: str, unit: str, done: int = 0) -> None:
        shown = sys.stderr.isatty()
        self._bar = tqdm(total=total, desc=label, unit=unit, unit_scale=True, disable=not shown, leave=False, initial=done)
        self.total, self.label, self.unit = total, label, unit
        self.done, self.note, self._before = done, "", done
        self._start = self._last = time.monotonic()

    def advance(self, count: int = 1, note: str = "") -> None:
        """Report `count` more items as finished, with a short note (such as the loss)."""
        self.done += count
        self.note = note or self.note
        self._bar.update(count)
        self._bar.set_postfix_str(self.note, refresh=False)
        now = time.monotonic()
        if self._bar.disable and now - self._last >= SECONDS_BETWEEN_LINES:
            self._last = now
            meter = tqdm.format_meter(
                self.done,
                self.total or self.done,
                now - self._start,
                prefix=self.label,
                unit=self.unit,
                ncols=0,
                unit_scale=True,
                postfix=self.note,
                initial=self._before,
            )
            logger.info("%s", meter)

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()


def tracked(items: Iterable[T], total: int, label: str, unit: str) -> Iterator[T]:
    """Yield `items` while reporting progress."""
    with Progress(total, label, unit) as progress:
        for item in items:
            yield item
            progress.advance()


def available_threads() -> int:
    """Return the number of threads to use: `OMP_NUM_THREADS` if set, else the number of processors available."""
    configured = os.environ.get("OMP_NUM_THREADS", "")
    if configured.isdecimal() and int(configured) > 0:
        return int(configured)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
