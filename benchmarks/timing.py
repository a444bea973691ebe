"""Timing of benchmarks: the median of several repeats in one process."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

REPEATS = 5


def median_seconds(work: Callable[[], object]) -> float:
    """Return the median time of `work`, in seconds."""
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)
