"""Estimates over clusters, and their bootstrap intervals.

Sections of one volume are not independent, so volumes are what is resampled. Every metric here has one form: per volume v a
vector of sums s_v (K components) and a number of sections n_v, and as its value

    sum_k |sum_v s_vk| / sum_v n_v

With one non-negative component this is a mean over sections; with one component per bin, the expected calibration error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atombench import streams

RESAMPLES = 2000
COVERAGE = 0.95

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Clustered:
    """Sums of one metric in one run: sums (V, K) and sections (V,) of V volumes."""

    sums: Array
    counts: Array

    @classmethod
    def of(cls, values: NDArray[Any], cluster: NDArray[np.int64], clusters: int) -> Clustered:
        """Add up values of sections, (M,) or (M, K), by the cluster (M,) that each belongs to."""
        columns = values.reshape(len(values), -1)
        sums = np.stack([np.bincount(cluster, column, clusters) for column in columns.T], axis=1)
        return cls(sums.astype(np.float64), np.bincount(cluster, minlength=clusters).astype(np.float64))

    def value(self, weights: Array) -> Array:
        """Metric under volume weights (..., V); (...)."""
        return np.asarray(np.abs(weights @ self.sums).sum(axis=-1) / (weights @ self.counts))


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % percentile interval."""

    value: float
    low: float
    high: float


@cache
def bootstrap_weights(clusters: int, resamples: int = RESAMPLES) -> Array:
    """How often each cluster is drawn in each resample, (resamples, clusters); the same for all runs, so runs are paired."""
    drawn = (streams.words(resamples * clusters, "bootstrap", clusters) % np.uint64(clusters)).astype(np.int64)
    rows = np.repeat(np.arange(resamples), clusters)
    flat = np.bincount(rows * clusters + drawn, minlength=resamples * clusters)
    return flat.reshape(resamples, clusters).astype(np.float64)


def resampled_means(runs: list[Clustered], *key: object) -> Array:
    """Mean over runs (seeds) in each resample; (RESAMPLES,), NaN where a resample holds no section.

    A resample draws volumes once for all runs, which share them, and runs with replacement.

    Args:
        runs: one per seed, over the same volumes.
        key: names the stream that seeds are drawn from, so that two methods' seeds are drawn apart.
    """
    weights = bootstrap_weights(len(runs[0].counts))
    with np.errstate(invalid="ignore"):
        resampled = np.stack([run.value(weights) for run in runs], axis=1)  # (resamples, runs)
    return _over_seeds(resampled, *key)


def resampled_methods(methods: Mapping[str, list[Clustered]]) -> Array:
    """`resampled_means` of many methods over the same volumes, each with its name as key; (methods, RESAMPLES).

    Runs of one component are resampled together, which for hundreds of methods is many times faster.
    """
    runs = [run for several in methods.values() for run in several]
    if not runs or any(run.sums.shape[1] != 1 for run in runs):
        means = [resampled_means(several, name) for name, several in methods.items()]
        return np.stack(means) if means else np.zeros((0, RESAMPLES))
    ends = np.cumsum([len(several) for several in methods.values()])[:-1]
    parts = zip(methods, np.split(_resampled(runs), ends, axis=1), strict=True)
    return np.stack([_over_seeds(part, name) for name, part in parts])


def _resampled(runs: Sequence[Clustered]) -> Array:
    """Values of runs of one component in each resample; (RESAMPLES, runs)."""
    weights = bootstrap_weights(len(runs[0].counts))
    sums, counts = np.stack([run.sums[:, 0] for run in runs], axis=1), np.stack([run.counts for run in runs], axis=1)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.abs(weights @ sums) / (weights @ counts))


def _over_seeds(resampled: Array, *key: object) -> Array:
    """Mean over seeds, drawn with replacement in each resample; (RESAMPLES, ..., runs) to (RESAMPLES, ...)."""
    runs = resampled.shape[-1]
    if runs == 1:
        return np.asarray(resampled[..., 0])
    return np.einsum("r...s,rs->r...", resampled, _seed_weights(runs, *key))


@lru_cache(maxsize=64)
def _seed_weights(runs: int, *key: object) -> Array:
    """Share of each run in each resample; (RESAMPLES, runs)."""
    drawn = streams.words(RESAMPLES * runs, "bootstrap seeds", runs, *key) % np.uint64(runs)
    shares = [np.bincount(row, minlength=runs) for row in drawn.astype(np.int64).reshape(RESAMPLES, -1)]
    return np.array(shares) / runs


def point(runs: list[Clustered]) -> float:
    """Mean over runs (seeds) of one metric."""
    return float(np.mean([run.value(np.ones(len(run.counts))) for run in runs]))


def estimate(runs: list[Clustered]) -> Estimate:
    """Mean over runs (seeds) of one metric, with a percentile bootstrap over volumes and, beyond one run, over seeds."""
    return estimates([runs])[0]


def estimates(metrics: Sequence[list[Clustered]]) -> list[Estimate]:
    """`estimate` of several metrics at once."""
    means = _means(metrics)
    tails = [100 * (1 - COVERAGE) / 2, 100 * (1 + COVERAGE) / 2]
    if len(means) and np.isfinite(means).all():
        bounds = np.percentile(means, tails, axis=1).T
    else:
        bounds = np.array([np.percentile(one[np.isfinite(one)], tails) for one in means]).reshape(-1, 2)
    return [Estimate(point(runs), float(low), float(high)) for runs, (low, high) in zip(metrics, bounds, strict=True)]


def _means(metrics: Sequence[list[Clustered]]) -> Array:
    """`resampled_means` of each metric; those of one component and as many runs together; (metrics, RESAMPLES)."""
    flat, often = [run for runs in metrics for run in runs], {len(runs) for runs in metrics}
    if len(often) != 1 or any(run.sums.shape[1] != 1 for run in flat):
        return np.array([resampled_means(runs) for runs in metrics])
    return _over_seeds(_resampled(flat).reshape(RESAMPLES, len(metrics), -1)).T
