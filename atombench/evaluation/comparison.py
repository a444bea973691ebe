"""Which methods of a board can be told apart: paired differences, Holm's correction, tie groups and rank intervals.

All methods are resampled with the same volumes, so differences are paired; seeds are drawn for each method by itself. A
difference is tested by its size in units of its bootstrap standard deviation, against Student's t with one degree of freedom
less than there are volumes. (The share of resamples on the wrong side of zero would not do: of 2000 resamples it cannot fall
below 0.001, which Holm's correction turns into 0.05 at 50 pairs already.) P-values are corrected over all pairs of the board
(Holm, Scand J Statist 6, 1979).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from atombench.evaluation.statistics import COVERAGE, Clustered, point, resampled_means

LEVEL = 0.05
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Comparison:
    """Difference of two methods (first minus second) with its 95 % interval, and its p-value before and after correction."""

    first: str
    second: str
    difference: float
    low: float
    high: float
    p: float
    p_holm: float

    @property
    def distinct(self) -> bool:
        """Whether the two can be told apart."""
        return self.p_holm < LEVEL


@dataclass(frozen=True)
class Standing:
    """Where a method stands.

    Attributes:
        rank: by value; equal values share the better rank.
        low, high: 95 % interval of the rank over resamples.
        group: number of its tie group, 1 for the best; the methods of a group cannot be told apart from its best one.
    """

    rank: int
    low: int
    high: int
    group: int


def compare(runs: Mapping[str, list[Clustered]], falling: bool = True) -> tuple[list[Comparison], dict[str, Standing]]:
    """Compare all methods of a board by one metric.

    Args:
        runs: for each method, one entry per seed, over the same volumes.
        falling: whether higher values are better.

    Returns:
        All pairs, the better one first, and the standing of each method, best first.
    """
    sign = 1.0 if falling else -1.0
    values = {name: point(several) for name, several in runs.items()}
    order = sorted(runs, key=lambda name: (-sign * values[name], name))
    means = np.stack([resampled_means(runs[name], name) for name in order]) if order else np.zeros((0, 1))  # (K, resamples)
    means = means[:, np.isfinite(means).all(axis=0)]
    volumes = len(next(iter(runs.values()))[0].counts) if runs else 0
    pairs = list(combinations(range(len(order)), 2))
    raw = [p_value(values[order[a]] - values[order[b]], means[a] - means[b], volumes) for a, b in pairs]
    tail = 100 * (1 - COVERAGE) / 2
    found = []
    for (a, b), p, corrected in zip(pairs, raw, holm(np.array(raw)), strict=True):
        low, high = np.percentile(means[a] - means[b], [tail, 100 - tail])
        difference = values[order[a]] - values[order[b]]
        found.append(Comparison(order[a], order[b], difference, float(low), float(high), p, float(corrected)))
    return found, _standings(order, [sign * values[name] for name in order], sign * means, found)


def holm(p: Array) -> Array:
    """P-values corrected for their number (K,), by Holm's step-down rule."""
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(stepped, 1.0)
    return corrected


def p_value(difference: float, resampled: Array, volumes: int) -> float:
    """Two-sided p-value of a difference; 1 for methods that always agree."""
    spread = float(resampled.std())
    if spread == 0 or volumes < 2:
        return float(difference == 0 or volumes < 2)
    from scipy import special  # slow to import, and not every step that compares has something to compare

    return float(2 * special.stdtr(volumes - 1, -abs(difference) / spread))  # two tails of Student's t


def _standings(order: list[str], values: list[float], means: Array, pairs: list[Comparison]) -> dict[str, Standing]:
    told_apart = {(pair.first, pair.second): pair.distinct for pair in pairs}
    tail = 100 * (1 - COVERAGE) / 2
    found: dict[str, Standing] = {}
    leader, group = "", 0
    for row, name in enumerate(order):
        if not leader or told_apart[leader, name]:
            leader, group = name, group + 1
        ranks = 1 + (means > means[row]).sum(axis=0)
        low, high = np.percentile(ranks, [tail, 100 - tail])
        rank = 1 + sum(other > values[row] for other in values)
        found[name] = Standing(rank, int(np.floor(low)), int(np.ceil(high)), group)
    return found
