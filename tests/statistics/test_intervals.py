"""Estimates over clusters and their bootstrap intervals, compared with naive loops."""

import numpy as np
import pytest

from atombench.statistics.bootstrap import RESAMPLES, Clustered, bootstrap_weights, estimate


def test_clustered_sums_equal_a_loop() -> None:
    rng = np.random.default_rng(0)
    values, cluster = rng.random(200), rng.integers(0, 7, 200)
    found = Clustered.of(values, cluster, 7)
    np.testing.assert_allclose(found.sums[:, 0], [values[cluster == c].sum() for c in range(7)])
    assert found.value(np.ones(7)) == pytest.approx(values.mean())


def test_the_interval_equals_a_naive_bootstrap_over_clusters() -> None:
    rng = np.random.default_rng(1)
    cluster = np.sort(rng.integers(0, 12, 300))
    values = rng.random(300) < 0.2 + 0.05 * cluster
    weights = bootstrap_weights(12)
    assert weights.shape == (RESAMPLES, 12)
    assert (weights.sum(axis=1) == 12).all()
    naive = []
    for drawn in weights:
        sample = np.concatenate([values[cluster == c] for c in range(12) for _ in range(int(drawn[c]))])
        naive.append(sample.mean())
    found = estimate([Clustered.of(values, cluster, 12)])
    assert (found.low, found.high) == pytest.approx(np.percentile(naive, [2.5, 97.5]), abs=1e-12)


def test_an_interval_over_volumes_covers_the_truth_and_one_over_sections_does_not() -> None:
    """Simulate 200 experiments with true value 0.5, in which volumes differ and sections of one volume are similar."""
    rng = np.random.default_rng(2)
    by_volume = by_section = 0
    cluster = np.repeat(np.arange(60), 30)
    for _ in range(200):
        values = rng.random(1800) < np.repeat(rng.beta(2, 2, 60), 30)
        found = estimate([Clustered.of(values, cluster, 60)])
        by_volume += found.low <= 0.5 <= found.high
        spread = 1.96 * np.sqrt(values.mean() * (1 - values.mean()) / len(values))
        by_section += abs(values.mean() - 0.5) <= spread
    assert 0.92 <= by_volume / 200 <= 0.98
    assert by_section / 200 < 0.75


def test_seeds_widen_the_interval_and_are_averaged() -> None:
    cluster = np.repeat(np.arange(40), 10)
    rng = np.random.default_rng(3)
    low, high = (Clustered.of(rng.random(400) < p, cluster, 40) for p in (0.2, 0.8))
    both, single = estimate([low, high]), estimate([low])
    assert both.value == pytest.approx((float(low.value(np.ones(40))) + float(high.value(np.ones(40)))) / 2)
    assert both.high - both.low > 3 * (single.high - single.low)
