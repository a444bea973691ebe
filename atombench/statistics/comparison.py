"""Comparison of the methods of a board: paired differences, Holm's correction, tie groups and rank intervals.

All methods are resampled with the same volumes, so differences are paired; seeds are drawn independently for each method. The
test statistic is a difference divided by its bootstrap standard deviation, compared with Student's t with one degree of
freedom fewer than volumes. (The share of resamples with the opposite sign is not suitable: with 2000 resamples it cannot be
smaller than 0.001, which Holm's correction raises to 0.05 with as few as 50 pairs.) P-values are corrected over all pairs of
the board (Holm, Scand J Statist 6, 1979).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from atombench.statistics.bootstrap import COVERAGE, Sample, point, resampled_methods

LEVEL = 0.05
CHUNK = 256  # pairs processed together
FEW = 40  # up to this number of methods, all pairs are returned
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
        """Whether the difference is significant."""
        return self.p_holm < LEVEL


@dataclass(frozen=True)
class Standing:
    """Rank of a method.

    Attributes:
        rank: rank by value; methods with equal values share the better rank.
        low, high: 95 % interval of the rank over resamples.
        group: number of the tie group, 1 for the best; no method of a group differs significantly from the best of the group.
    """

    rank: int
    low: int
    high: int
    group: int


def compare(
    runs: Mapping[str, Sequence[Sample]], higher_is_better: bool = True, always: Collection[str] = ()
) -> tuple[list[Comparison], dict[str, Standing]]:
    """Compare all methods of a board by one metric.

    Args:
        runs: for each method, one entry per seed, over the same volumes.
        higher_is_better: whether rank 1 is the highest value.
        always: methods to return the pairs of, however many methods there are.

    Returns:
        Pairs, with the better method first, and the standing of each method, best first. All pairs are tested. With more than
        `FEW` methods, a pair is returned if its methods are adjacent in rank, if one of them is in `always`, or if one is the
        best of the tie group of the other.
    """
    if not runs:
        return [], {}
    sign = 1.0 if higher_is_better else -1.0
    values = {name: point(samples) for name, samples in runs.items()}
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
    selected = _selected(order, standings, always)[first, second]
    first, second = first[selected], second[selected]
    low, high = _intervals(means, first, second)
    values_of_pairs = np.stack(
        [ordered[first] - ordered[second], low, high, p[first, second], corrected[first, second]], axis=1
    )
    names = [(order[a], order[b]) for a, b in zip(first, second, strict=True)]
    pairs = [Comparison(*pair, *row) for pair, row in zip(names, values_of_pairs.tolist(), strict=True)]
    return pairs, standings


def _intervals(means: Array, first: NDArray[np.int64], second: NDArray[np.int64]) -> tuple[Array, Array]:
    """Return the percentiles of the resampled differences of pairs (P,) of methods."""
    bounds = [np.zeros((2, 0))]
    for start in range(0, len(first), CHUNK):
        rows = slice(start, start + CHUNK)
        bounds.append(np.percentile(means[first[rows]] - means[second[rows]], TAILS, axis=1))
    low, high = np.concatenate(bounds, axis=1)
    return low, high


def _selected(order: list[str], standings: Mapping[str, Standing], always: Collection[str]) -> NDArray[np.bool_]:
    """Return which pairs are selected; (K, K)."""
    count = len(order)
    if count <= FEW:
        return np.ones((count, count), dtype=bool)
    groups = np.array([standings[name].group for name in order])
    required = np.isin(order, list(always))
    best = np.diff(groups, prepend=0) > 0
    selected: NDArray[np.bool_] = required[:, None] | required | (best[:, None] & (groups[:, None] == groups))
    selected[np.arange(count - 1), np.arange(1, count)] = True
    return selected


def holm(p: Array) -> Array:
    """Return p-values (K,) corrected for their number by Holm's step-down procedure."""
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(stepped, 1.0)
    return corrected


def p_values(differences: Array, resampled: Array, volumes: int) -> Array:
    """Return two-sided p-values of differences (K,) from their resamples (K, resamples); 1 if a difference is zero."""
    return _p_of(differences, np.nanstd(resampled, axis=1), volumes)


def _spread(means: Array) -> Array:
    """Return the standard deviation of the difference of each pair over resamples (K, resamples); (K, K)."""
    centred = means - means.mean(axis=1, keepdims=True)
    covariance = centred @ centred.T / max(means.shape[1], 1)
    variances = np.diag(covariance)
    return np.sqrt(np.maximum(variances[:, None] + variances - 2 * covariance, 0.0))


def _p_of(difference: Array, spread: Array, volumes: int) -> Array:
    """Return two-sided p-values by Student's t; without spread they are 1 for equal methods and 0 otherwise."""
    from scipy import special  # slow to import, and not always needed

    if volumes < 2:
        return np.ones_like(difference)
    with np.errstate(divide="ignore", invalid="ignore"):
        size = np.where(difference == 0, 0.0, np.abs(difference) / spread)
    return np.asarray(2 * special.stdtr(volumes - 1, -size))


def _standings(order: list[str], values: Array, means: Array, significant: NDArray[np.bool_]) -> dict[str, Standing]:
    """Return the standings of methods in descending order of `values` (K,); `significant` (K, K) marks significant pairs."""
    ordered = np.sort(means, axis=0)
    beaten = [np.searchsorted(column, own, side="right") for column, own in zip(ordered.T, means.T, strict=True)]
    ranks = 1 + len(order) - np.array(beaten)  # (resamples, K)
    low, high = np.percentile(ranks, TAILS, axis=0)
    standings: dict[str, Standing] = {}
    leader, group = -1, 0
    for row, name in enumerate(order):
        if leader < 0 or significant[leader, row]:
            leader, group = row, group + 1
        rank = 1 + int((values > values[row]).sum())
        standings[name] = Standing(rank, int(np.floor(low[row])), int(np.ceil(high[row])), group)
    return standings
