"""Where the methods of a board stand by its primary number, and which of them do not look at an input."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from atombench.engine.swaps import SWAPS
from atombench.records.record import Record
from atombench.statistics.bootstrap import COVERAGE, Clustered, point, resampled_methods
from atombench.statistics.comparison import Comparison, Standing, compare, p_values
from atombench.tasks.atom.metrics import PRIMARY, Protocol

TOLD = ("constant", "section-only", "exhaustive")  # what other methods are to be above
BLIND = {"volume-swap": "volume-blind", "section-swap": "section-blind"}
COLUMNS = ["board", "first", "second", "difference", "ci_low", "ci_high", "p", "p_holm", "distinct"]


def rank(records: Sequence[Record]) -> tuple[list[Comparison], dict[str, Standing]]:
    """Compare the complete methods of one board; a method with a failed run is not ranked."""
    return compare(_complete(records, "strict"), always=TOLD)


def blind(records: Sequence[Record]) -> dict[str, list[str]]:
    """Marks of each learned method: an input is not looked at if exchanging it cannot be told apart from leaving it.

    A run is compared with itself: volumes and seeds are resampled together for both, so that seeds may differ from each other.
    """
    own = _complete(records, "strict")
    marks: dict[str, list[str]] = {}
    for swap in SWAPS:
        exchanged = {method: runs for method, runs in _complete(records, swap).items() if method in own}
        falls = resampled_methods({method: own[method] for method in exchanged}) - resampled_methods(exchanged)
        if not exchanged:
            continue
        fallen = np.array([point(own[method]) - point(runs) for method, runs in exchanged.items()])
        surely = p_values(fallen, falls, len(next(iter(exchanged.values()))[0].counts)) < 1 - COVERAGE
        for method, looks in zip(exchanged, (fallen > 0) & surely, strict=True):
            if not looks:
                marks.setdefault(method, []).append(BLIND[swap])
    return marks


def comparison_table(board: str, pairs: Sequence[Comparison]) -> pd.DataFrame:
    """The pairs of one board as a long table."""
    rows = [
        [board, pair.first, pair.second, pair.difference, pair.low, pair.high, pair.p, pair.p_holm, pair.distinct]
        for pair in pairs
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=COLUMNS)


def _complete(records: Sequence[Record], protocol: Protocol) -> dict[str, list[Clustered]]:
    """Sums of the primary number of every seed, for the methods none of whose runs failed and that have it."""
    failed = {record.unit.method for record in records if record.status == "failed"}
    runs: dict[str, list[Clustered]] = {}
    for record in records:
        found = record.find(protocol, PRIMARY)
        if found is not None and record.unit.method not in failed:
            runs.setdefault(record.unit.method, []).append(found.clustered())
    return runs
