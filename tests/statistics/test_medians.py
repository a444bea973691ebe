"""Means and medians under cluster weights, and their bootstrap intervals, compared with naive loops."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atombench.statistics import bootstrap
from atombench.statistics.bootstrap import (
    RESAMPLES,
    Clustered,
    Grouped,
    bootstrap_weights,
    estimate,
    estimates,
    point,
    resampled_means,
    resampled_methods,
)
from atombench.statistics.comparison import compare


def naive_median(values: np.ndarray, cluster: np.ndarray, weights: np.ndarray) -> float:
    """Return the median of the values, each repeated as often as its cluster was drawn; NaN if there are none."""
    repeated = np.repeat(values, weights[cluster].astype(int))
    return float(np.median(repeated)) if len(repeated) else float("nan")


def grouped(seed: int, queries: int, clusters: int) -> Grouped:
    """Return values with ties, in clusters of different sizes."""
    rng = np.random.default_rng(seed)
    return Grouped(rng.integers(0, 8, queries) / 4, rng.integers(0, clusters, queries), clusters)


@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 6))
def test_a_weighted_median_equals_the_median_of_repeated_values(seed: int, queries: int, clusters: int) -> None:
    sample = grouped(seed, queries, clusters)
    weights = np.random.default_rng(seed).integers(0, 4, (5, clusters)).astype(float)
    expected = [naive_median(sample.values, sample.cluster, row) for row in weights]
    np.testing.assert_array_equal(sample.value(weights), expected)


def test_a_median_without_queries_is_nan() -> None:
    assert np.isnan(Grouped(np.zeros(0), np.zeros(0, np.int64), 2).value(np.ones((3, 2)))).all()
    sample = Grouped(np.array([1.0, 5.0]), np.array([0, 0]), 2)
    assert np.isnan(sample.value(np.array([0.0, 4.0])))
    assert sample.value(np.array([2.0, 0.0])) == 3


def test_weights_of_any_shape_give_medians_of_that_shape() -> None:
    sample = grouped(0, 50, 4)
    weights = np.random.default_rng(1).integers(0, 3, (2, 3, 4)).astype(float)
    assert sample.value(weights).shape == (2, 3)
    assert sample.value(weights[0, 0]).shape == ()
    assert sample.value(weights)[1, 2] == sample.value(weights[1, 2])


def test_medians_do_not_depend_on_how_many_are_computed_together(monkeypatch: pytest.MonkeyPatch) -> None:
    sample, weights = grouped(3, 60, 5), bootstrap_weights(5)
    expected = sample.value(weights)
    monkeypatch.setattr(bootstrap, "VALUES_AT_ONCE", 130)  # two resamples
    np.testing.assert_array_equal(sample.value(weights), expected)


def test_lists_of_each_cluster_give_the_same_sample_as_flat_values() -> None:
    sample = grouped(4, 30, 6)
    rebuilt = Grouped.of_lists([sample.values[sample.cluster == cluster].tolist() for cluster in range(6)])
    np.testing.assert_array_equal(rebuilt.counts, sample.counts)
    np.testing.assert_array_equal(rebuilt.value(bootstrap_weights(6)), sample.value(bootstrap_weights(6)))
    assert Grouped.of_lists([[], [2.0]]).counts.tolist() == [0, 1]


def test_the_interval_of_a_median_equals_a_naive_loop_over_resamples() -> None:
    sample = grouped(5, 90, 9)
    drawn = [naive_median(sample.values, sample.cluster, row) for row in bootstrap_weights(9)]
    found = estimate([sample])
    assert found.value == np.median(sample.values)
    np.testing.assert_allclose((found.low, found.high), np.percentile(drawn, [2.5, 97.5]))


def test_intervals_of_medians_cover_the_true_median_with_their_nominal_rate() -> None:
    """Simulate 300 studies of 40 patients with 5 queries each and equal variance between and within patients."""
    rng = np.random.default_rng(0)
    cluster = np.repeat(np.arange(40), 5)
    covered = 0
    for _ in range(300):
        values = rng.normal(size=40)[cluster] + rng.normal(size=200)
        found = estimate([Grouped(values, cluster, 40)])
        covered += found.low <= 0 <= found.high
    assert 0.90 <= covered / 300 <= 0.99


def test_medians_of_several_seeds_are_averaged_and_seeds_are_resampled() -> None:
    runs = [grouped(seed, 80, 8) for seed in (1, 2, 3)]
    found = estimate(runs)
    assert found.value == point(runs) == pytest.approx(np.mean([np.median(run.values) for run in runs]))
    assert found.low <= found.value <= found.high
    apart = [Grouped(run.values + shift, run.cluster, 8) for run, shift in zip(runs, (0, 10, 20), strict=True)]
    assert estimate(apart).high - estimate(apart).low > found.high - found.low + 5


def test_means_and_medians_can_be_estimated_together() -> None:
    mean, median = Clustered.of(grouped(7, 80, 8).values, grouped(7, 80, 8).cluster, 8), grouped(7, 80, 8)
    together = estimates([[mean], [median]])
    assert together == [estimate([mean]), estimate([median])]
    assert estimates([]) == []


def test_methods_with_medians_are_resampled_independently_and_ranked() -> None:
    cluster, rng = np.repeat(np.arange(30), 10), np.random.default_rng(2)
    runs = {name: [Grouped(rng.normal(shift, 1, 300), cluster, 30)] for name, shift in (("near", 1.0), ("far", 3.0))}
    np.testing.assert_array_equal(resampled_methods(runs), [resampled_means(samples, name) for name, samples in runs.items()])
    pairs, standings = compare(runs, higher_is_better=False)
    assert list(standings) == ["near", "far"]
    assert [pair.distinct for pair in pairs] == [True]


def test_a_value_from_sums_equals_a_naive_loop() -> None:
    rng = np.random.default_rng(3)
    values, cluster = rng.normal(size=(70, 4)), rng.integers(0, 5, 70)
    sample, weights = Clustered.of(values, cluster, 5), bootstrap_weights(5)[:20]
    for row, value in zip(weights, sample.value(weights), strict=True):
        repeated = np.repeat(values, row[cluster].astype(int), axis=0)
        assert value == pytest.approx(np.abs(repeated.sum(axis=0)).sum() / len(repeated))


def test_every_resample_draws_as_many_clusters_as_there_are() -> None:
    weights = bootstrap_weights(7)
    assert weights.shape == (RESAMPLES, 7)
    assert (weights.sum(axis=1) == 7).all()
    np.testing.assert_allclose(weights.mean(axis=0), 1, atol=0.1)
