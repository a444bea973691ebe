"""Estimates over clusters, and their bootstrap intervals.

Queries of one volume (patient, specimen) are not independent, so clusters are resampled instead of queries. A metric is
sampled in one of two ways:

- `Clustered`: per cluster v a vector of sums s_v (K components) and a number of queries n_v; the value is
  sum_k |sum_v s_vk| / sum_v n_v. With one component this is the absolute value of a mean over queries; with one
  component per confidence bin, the expected calibration error.
- `Grouped`: the value and cluster of each query; the value of the metric is the median over queries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Protocol, TypeGuard

import numpy as np
from numpy.typing import NDArray

from atombench import streams

RESAMPLES = 2000
COVERAGE = 0.95
VALUES_AT_ONCE = 2**23  # resamples x queries processed together, for medians

Array = NDArray[np.float64]


class Sample(Protocol):
    """Interface of a metric of one run for resampling."""

    @property
    def counts(self) -> Array:
        """Number of queries of each cluster, (V,)."""

    def value(self, weights: Array) -> Array:
        """Return the metric under cluster weights (..., V); shape (...)."""


@dataclass(frozen=True)
class Clustered:
    """Sums of one metric in one run: sums (V, K) and numbers of queries (V,) of V clusters."""

    sums: Array
    counts: Array

    @classmethod
    def of(cls, values: NDArray[Any], cluster: NDArray[np.int64], clusters: int) -> Clustered:
        """Sum the values of queries, (M,) or (M, K), by the cluster (M,) of each query."""
        columns = values.reshape(len(values), -1)
        sums = np.stack([np.bincount(cluster, column, clusters) for column in columns.T], axis=1)
        return cls(sums.astype(np.float64), np.bincount(cluster, minlength=clusters).astype(np.float64))

    def value(self, weights: Array) -> Array:
        """Return the metric under cluster weights (..., V); shape (...)."""
        return np.asarray(np.abs(weights @ self.sums).sum(axis=-1) / (weights @ self.counts))


@dataclass(frozen=True)
class Grouped:
    """Values (M,) of one metric in one run, the cluster (M,) of each, and the number of clusters; its value is the median."""

    values: Array
    cluster: NDArray[np.int64]
    clusters: int

    @classmethod
    def of_lists(cls, values: Sequence[Sequence[float]]) -> Grouped:
        """Build a sample from a list of values for each cluster."""
        cluster = np.repeat(np.arange(len(values)), [len(row) for row in values])
        return cls(np.array([value for row in values for value in row], dtype=np.float64), cluster, len(values))

    @property
    def counts(self) -> Array:
        """Number of queries of each cluster, (V,)."""
        return np.bincount(self.cluster, minlength=self.clusters).astype(np.float64)

    def value(self, weights: Array) -> Array:
        """Return the median under integer cluster weights (..., V), which repeat the values of each cluster; shape (...)."""
        order = np.argsort(self.values, kind="stable")
        rows = weights.reshape(-1, weights.shape[-1])
        step = max(1, VALUES_AT_ONCE // max(len(order), 1))
        parts = [self._medians(rows[first : first + step], order) for first in range(0, len(rows), step)]
        return np.concatenate(parts).reshape(weights.shape[:-1])

    def _medians(self, weights: Array, order: NDArray[np.int64]) -> Array:
        above = np.cumsum(weights[:, self.cluster[order]], axis=1)  # (rows, M), number of queries up to each value
        medians = np.full(len(weights), np.nan)
        if not len(order):
            return medians
        total = above[:, -1]
        drawn = total > 0
        middle = [(above[drawn] > np.floor((total[drawn] - odd) / 2)[:, None]).argmax(axis=1) for odd in (1, 0)]
        medians[drawn] = (self.values[order[middle[0]]] + self.values[order[middle[1]]]) / 2
        return medians


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % percentile interval."""

    value: float
    low: float
    high: float


@cache
def bootstrap_weights(clusters: int, resamples: int = RESAMPLES) -> Array:
    """Return how often each resample draws each cluster, (resamples, clusters); equal for all runs, so that runs are paired."""
    drawn = (streams.words(resamples * clusters, "bootstrap", clusters) % np.uint64(clusters)).astype(np.int64)
    rows = np.repeat(np.arange(resamples), clusters)
    flat = np.bincount(rows * clusters + drawn, minlength=resamples * clusters)
    return flat.reshape(resamples, clusters).astype(np.float64)


def resampled_means(runs: Sequence[Sample], *key: object) -> Array:
    """Return the mean over runs (seeds) in each resample; (RESAMPLES,), NaN if a resample contains no query.

    A resample draws clusters, the same for all runs, and runs with replacement.

    Args:
        runs: one per seed, over the same clusters.
        key: key of the stream that draws seeds, so that the seeds of two methods are drawn independently.
    """
    weights = bootstrap_weights(len(runs[0].counts))
    with np.errstate(invalid="ignore"):
        resampled = np.stack([run.value(weights) for run in runs], axis=1)  # (resamples, runs)
    return _over_seeds(resampled, *key)


def resampled_methods(methods: Mapping[str, Sequence[Sample]]) -> Array:
    """Return `resampled_means` of many methods over the same clusters, with their names as keys; (methods, RESAMPLES).

    Runs with one component are resampled together, which is much faster for hundreds of methods.
    """
    runs = [run for samples in methods.values() for run in samples]
    if not runs or not _all_sums(runs):
        means = [resampled_means(samples, name) for name, samples in methods.items()]
        return np.stack(means) if means else np.zeros((0, RESAMPLES))
    ends = np.cumsum([len(samples) for samples in methods.values()])[:-1]
    parts = zip(methods, np.split(_resampled(runs), ends, axis=1), strict=True)
    return np.stack([_over_seeds(part, name) for name, part in parts])


def _all_sums(runs: Sequence[Sample]) -> TypeGuard[Sequence[Clustered]]:
    """Return whether all runs are sums with one component."""
    return all(isinstance(run, Clustered) and run.sums.shape[1] == 1 for run in runs)


def _resampled(runs: Sequence[Clustered]) -> Array:
    """Return the values of runs with one component in each resample; (RESAMPLES, runs)."""
    weights = bootstrap_weights(len(runs[0].counts))
    sums, counts = np.stack([run.sums[:, 0] for run in runs], axis=1), np.stack([run.counts for run in runs], axis=1)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.abs(weights @ sums) / (weights @ counts))


def _over_seeds(resampled: Array, *key: object) -> Array:
    """Return the mean over seeds, drawn with replacement in each resample; (RESAMPLES, ..., runs) to (RESAMPLES, ...)."""
    runs = resampled.shape[-1]
    if runs == 1:
        return np.asarray(resampled[..., 0])
    return np.einsum("r...s,rs->r...", resampled, _seed_weights(runs, *key))


@lru_cache(maxsize=64)
def _seed_weights(runs: int, *key: object) -> Array:
    """Return the weight of each run in each resample; (RESAMPLES, runs)."""
    drawn = streams.words(RESAMPLES * runs, "bootstrap seeds", runs, *key) % np.uint64(runs)
    shares = [np.bincount(row, minlength=runs) for row in drawn.astype(np.int64).reshape(RESAMPLES, -1)]
    return np.array(shares) / runs


def point(runs: Sequence[Sample]) -> float:
    """Return the mean over runs (seeds) of one metric."""
    return float(np.mean([run.value(np.ones(len(run.counts))) for run in runs]))


def estimate(runs: Sequence[Sample]) -> Estimate:
    """Return the mean over runs (seeds) of one metric, with a percentile bootstrap over clusters and, if several, seeds."""
    return estimates([runs])[0]


def estimates(metrics: Sequence[Sequence[Sample]]) -> list[Estimate]:
    """Return the `estimate` of each of several metrics."""
    means = _means(metrics)
    tails = [100 * (1 - COVERAGE) / 2, 100 * (1 + COVERAGE) / 2]
    if len(means) and np.isfinite(means).all():
        bounds = np.percentile(means, tails, axis=1).T
    else:
        bounds = np.array([np.percentile(row[np.isfinite(row)], tails) for row in means]).reshape(-1, 2)
    return [Estimate(point(runs), float(low), float(high)) for runs, (low, high) in zip(metrics, bounds, strict=True)]


def _means(metrics: Sequence[Sequence[Sample]]) -> Array:
    """Return `resampled_means` of each metric, (metrics, RESAMPLES); together if all have one component and as many runs."""
    flat, sizes = [run for runs in metrics for run in runs], {len(runs) for runs in metrics}
    if len(sizes) != 1 or not _all_sums(flat):
        return np.array([resampled_means(runs) for runs in metrics])
    return _over_seeds(_resampled(flat).reshape(RESAMPLES, len(metrics), -1)).T
