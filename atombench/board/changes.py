"""Paired differences of a condition from the clean board: the same queries, the same weights, other pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from atombench.statistics.bootstrap import Sample, point, resampled_methods
from atombench.statistics.comparison import TAILS

COLUMNS = ["board", "method", "clean", "value", "difference", "ci_low", "ci_high", "n_volumes", "n_seeds"]


@dataclass(frozen=True)
class Change:
    """Primary metric of a method under a condition, beside the clean board.

    Attributes:
        clean: value on clean queries.
        value: value under the condition.
        low, high: 95 % interval of `difference`, paired by cluster and seed; NaN for a single cluster.
        clusters, seeds: numbers of clusters with queries and of seeds.
    """

    clean: float
    value: float
    low: float
    high: float
    clusters: int
    seeds: int

    @property
    def difference(self) -> float:
        """Value under the condition minus the clean one."""
        return self.value - self.clean


def changes_of(clean: Mapping[str, Sequence[Sample]], here: Mapping[str, Sequence[Sample]]) -> dict[str, Change]:
    """Return the change of every method that has the same seeds and clusters under both, in the order of `here`.

    Args:
        clean: samples of the clean board, one per seed, by method.
        here: the same under a condition.
    """
    names = [name for name, runs in here.items() if name in clean and _paired(clean[name], runs)]
    before, after = (resampled_methods({name: runs[name] for name in names}) for runs in (clean, here))
    changes = {}
    for name, difference in zip(names, after - before, strict=True):
        sizes = int((here[name][0].counts > 0).sum()), len(here[name])
        low, high = np.percentile(difference[np.isfinite(difference)], TAILS) if sizes[0] > 1 else (np.nan, np.nan)
        changes[name] = Change(point(clean[name]), point(here[name]), float(low), float(high), *sizes)
    return changes


def _paired(first: Sequence[Sample], second: Sequence[Sample]) -> bool:
    return len(first) == len(second) and all(
        np.array_equal(a.counts, b.counts) and a.counts.any() for a, b in zip(first, second, strict=True)
    )


def change_table(board: str, changes: Mapping[str, Change]) -> pd.DataFrame:
    """Return the changes of one setting as a long table."""
    rows = [
        [board, method, each.clean, each.value, each.difference, each.low, each.high, each.clusters, each.seeds]
        for method, each in changes.items()
    ]
    return pd.DataFrame(rows, columns=COLUMNS)
