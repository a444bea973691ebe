"""Natural order of strata, derived from their names alone."""

from __future__ import annotations

import re
from collections.abc import Iterable

SHARES = ("none", "below half", "half or more", "all")
NUMBERED = re.compile(r"(?P<below>below )?(?:k )?(?P<number>-?\d+(\.\d+)?(e[+-]\d+)?)( to .+| and above)?")


def in_order(names: Iterable[str]) -> list[str]:
    """Return the distinct, non-empty names of strata: shares, numbers and bands in ascending order, others alphabetically."""
    return sorted(set(names) - {""}, key=_sort_key)


def _sort_key(name: str) -> tuple[float, bool, str]:
    if name in SHARES:
        return SHARES.index(name), False, name
    match = NUMBERED.fullmatch(name)
    return (float(match["number"]), match["below"] is None, name) if match else (float("inf"), True, name)
