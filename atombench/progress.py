"""Logging and progress of long steps: a bar on a terminal, a line every few seconds elsewhere."""

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
    """Send the package's messages to standard error and, if given, to a file as well.

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
    """Counts units of work and says how far it is, how fast, and how long it will take."""

    def __init__(self, total: int | None, what: str, unit: str, done: int = 0) -> None:
        shown = sys.stderr.isatty()
        self._bar = tqdm(total=total, desc=what, unit=unit, unit_scale=True, disable=not shown, leave=False, initial=done)
        self.total, self.what, self.unit = total, what, unit
        self.done, self.note, self._before = done, "", done
        self._start = self._last = time.monotonic()

    def advance(self, count: int = 1, note: str = "") -> None:
        """Report `count` more units as done, with a short note (such as the loss)."""
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
                prefix=self.what,
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


def tracked(items: Iterable[T], total: int, what: str, unit: str) -> Iterator[T]:
    """Yield `items` while reporting progress."""
    with Progress(total, what, unit) as progress:
        for item in items:
            yield item
            progress.advance()
