"""Which methods of a board can be told apart: paired differences, Holm's correction, tie groups and rank intervals.

All methods are resampled with the same volumes, so differences are paired; seeds are drawn for each method by itself. A
difference is tested by its size in units of its bootstrap standard deviation, against Student's t with one degree of freedom
less than there are volumes. (The share of resamples on the wrong side of zero would not do: of 2000 resamples it cannot fall
below 0.001, which Holm's correction turns into 0.05 at 50 pairs already.) P-values are corrected over all pairs of the board
(Holm, Scand J Statist 6, 1979).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from atombench.statistics.bootstrap import COVERAGE, Clustered, point, resampled_methods

LEVEL = 0.05
CHUNK = 256  # pairs worked on at once
FEW = 40  # methods of which all pairs are told
TAILS = (100 * (1 - COVERAGE) / 2, 100 * (1 + COVERAGE) / 2)
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


def compare(
    runs: Mapping[str, list[Clustered]], falling: bool = True, always: Collection[str] = ()
) -> tuple[list[Comparison], dict[str, Standing]]:
    """Compare all methods of a board by one metric.

    Args:
        runs: for each method, one entry per seed, over the same volumes.
        falling: whether higher values are better.
        always: methods that every other one is told beside, however many there are.

    Returns:
        Pairs, the better one first, and the standing of each method, best first. All pairs are tested; of more than `FEW`
        methods those are told that neighbour each other in rank, hold one of `always`, or the best of the other's tie group.
    """
    if not runs:
        return [], {}
    sign = 1.0 if falling else -1.0
    values = {name: point(several) for name, several in runs.items()}
    order = sorted(runs, key=lambda name: (-sign * values[name], name))
    means = resampled_methods({name: runs[name] for name in order})  # (K, resamples)
    means = means[:, np.isfinite(means).all(axis=0)]
    volumes = len(next(iter(runs.values()))[0].counts)
    ordered = np.array([values[name] for name in order])
    first, second = np.triu_indices(len(order), 1)
    p, corrected = np.ones((2, len(order), len(order)))
    p[first, second] = _p_of(ordered[first] - ordered[second], _spread(means)[first, second], volumes)
    corrected[first, second] = holm(p[first, second])
    standings = _standings(order, sign * ordered, sign * means, corrected < LEVEL)
    told = _told(order, standings, always)[first, second]
    first, second = first[told], second[told]
    low, high = _intervals(means, first, second)
    numbers = np.stack([ordered[first] - ordered[second], low, high, p[first, second], corrected[first, second]], axis=1)
    names = [(order[a], order[b]) for a, b in zip(first, second, strict=True)]
    pairs = [Comparison(*pair, *row) for pair, row in zip(names, numbers.tolist(), strict=True)]
    return pairs, standings


def _intervals(means: Array, first: NDArray[np.int64], second: NDArray[np.int64]) -> tuple[Array, Array]:
    """Percentiles of the resampled differences of pairs (P,) of methods."""
    found = [np.zeros((2, 0))]
    for start in range(0, len(first), CHUNK):
        rows = slice(start, start + CHUNK)
        found.append(np.percentile(means[first[rows]] - means[second[rows]], TAILS, axis=1))
    low, high = np.concatenate(found, axis=1)
    return low, high


def _told(order: list[str], standings: Mapping[str, Standing], always: Collection[str]) -> NDArray[np.bool_]:
    """Which pairs are told; (K, K)."""
    count = len(order)
    if count <= FEW:
        return np.ones((count, count), dtype=bool)
    groups = np.array([standings[name].group for name in order])
    some = np.isin(order, list(always))
    best = np.diff(groups, prepend=0) > 0
    found: NDArray[np.bool_] = some[:, None] | some | (best[:, None] & (groups[:, None] == groups))
    found[np.arange(count - 1), np.arange(1, count)] = True
    return found


def holm(p: Array) -> Array:
    """P-values corrected for their number (K,), by Holm's step-down rule."""
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(stepped, 1.0)
    return corrected


def p_values(differences: Array, resampled: Array, volumes: int) -> Array:
    """Two-sided p-values of differences (K,), from their resamples (K, resamples); 1 where there is no difference at all."""
    return _p_of(differences, np.nanstd(resampled, axis=1), volumes)


def _spread(means: Array) -> Array:
    """Standard deviation of the difference of each pair over resamples (K, resamples); (K, K)."""
    centred = means - means.mean(axis=1, keepdims=True)
    covariance = centred @ centred.T / max(means.shape[1], 1)
    variances = np.diag(covariance)
    return np.sqrt(np.maximum(variances[:, None] + variances - 2 * covariance, 0.0))


def _p_of(difference: Array, spread: Array, volumes: int) -> Array:
    """Two tails of Student's t; where nothing is spread, methods are the same or surely not."""
    from scipy import special  # slow to import, and not every step that compares has something to compare

    if volumes < 2:
        return np.ones_like(difference)
    with np.errstate(divide="ignore", invalid="ignore"):
        size = np.where(difference == 0, 0.0, np.abs(difference) / spread)
    return np.asarray(2 * special.stdtr(volumes - 1, -size))


def _standings(order: list[str], values: Array, means: Array, apart: NDArray[np.bool_]) -> dict[str, Standing]:
    """Standings of methods in falling order of `values` (K,); `apart` (K, K) says which pairs can be told apart."""
    ordered = np.sort(means, axis=0)
    beaten = [np.searchsorted(column, mine, side="right") for column, mine in zip(ordered.T, means.T, strict=True)]
    ranks = 1 + len(order) - np.array(beaten)  # (resamples, K)
    low, high = np.percentile(ranks, TAILS, axis=0)
    found: dict[str, Standing] = {}
    leader, group = -1, 0
    for row, name in enumerate(order):
        if leader < 0 or apart[leader, row]:
            leader, group = row, group + 1
        rank = 1 + int((values > values[row]).sum())
        found[name] = Standing(rank, int(np.floor(low[row])), int(np.ceil(high[row])), group)
    return found
