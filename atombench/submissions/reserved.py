"""Names that submissions must not use: built-in methods, and rows that are not methods."""

from __future__ import annotations

from functools import cache

from atombench.records.run import RESERVED
from atombench.tasks.table import TASKS, find_task


@cache
def reserved() -> frozenset[str]:
    """Return the reserved names of all tasks."""
    return RESERVED.union(*(find_task(name).methods for name in TASKS))
