"""Names that submissions must not use: built-in methods, and rows that are not methods."""

from __future__ import annotations

from functools import cache

from atombench.tasks.table import TASKS, find_task

ROWS = frozenset({"chance", "uniform-chance"})


@cache
def reserved() -> frozenset[str]:
    """Return the reserved names of all tasks."""
    return ROWS.union(*(find_task(name).methods for name in TASKS))
