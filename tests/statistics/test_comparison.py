from itertools import pairwise

import numpy as np
import pytest

from atombench.statistics.bootstrap import RESAMPLES, Clustered, bootstrap_weights, resampled_means, resampled_methods
from atombench.statistics.comparison import FEW, compare, holm, p_values

VOLUMES, SECTIONS = 40, 20
CLUSTER = np.repeat(np.arange(VOLUMES), SECTIONS)


def run(values: np.ndarray) -> Clustered:
    return Clustered.of(values, CLUSTER, VOLUMES)


def hits(rate: float, seed: int) -> np.ndarray:
    """Return hits of a method at a rate that depends on the volume; the same volumes are hard for all methods."""
    difficulty = np.random.default_rng(99).normal(0, 0.15, VOLUMES)[CLUSTER]
    return np.random.default_rng(seed).random(len(CLUSTER)) < np.clip(rate + difficulty, 0, 1)


def test_holm_equals_the_step_down_procedure() -> None:
    p = np.random.default_rng(0).random(30) ** 3
    order, highest, expected = np.argsort(p), 0.0, np.empty(30)
    for step, index in enumerate(order):
        highest = max(highest, min(1.0, (30 - step) * p[index]))
        expected[index] = highest
    np.testing.assert_allclose(holm(p), expected)
    assert holm(np.array([])).size == 0


def test_only_a_clear_difference_is_significant() -> None:
    runs = {"good": [run(hits(0.6, 1))], "same": [run(hits(0.6, 2))], "bad": [run(hits(0.3, 3))], "copy": [run(hits(0.3, 3))]}
    pairs, standings = compare(runs)
    found = {frozenset((pair.first, pair.second)): pair for pair in pairs}
    assert len(pairs) == 6
    assert not found[frozenset(("good", "same"))].distinct
    assert found[frozenset(("good", "bad"))].distinct
    equal = found[frozenset(("bad", "copy"))]
    assert (equal.difference, equal.low, equal.high, equal.p_holm) == (0, 0, 0, 1)
    groups = {name: standing.group for name, standing in standings.items()}
    assert groups == {"good": 1, "same": 1, "bad": 2, "copy": 2}
    assert standings["bad"].rank == standings["copy"].rank == 3
    assert (standings["bad"].low, standings["bad"].high) == (3, 3)


def test_pairing_by_volume_detects_a_difference_within_overlapping_intervals() -> None:
    """Volumes differ much more than the two methods, but in the same way for both."""
    difficulty = np.random.default_rng(5).random(VOLUMES)[CLUSTER]
    drawn = np.random.default_rng(6).random(len(CLUSTER))
    runs = {"one": [run(drawn < difficulty)], "other": [run(drawn < 0.95 * difficulty)]}
    (pair,), _ = compare(runs)
    from atombench.statistics.bootstrap import estimate

    first, second = estimate(runs["one"]), estimate(runs["other"])
    assert pair.distinct
    assert first.low < second.high


def test_intervals_of_differences_and_ranks_equal_a_naive_loop() -> None:
    runs = {name: [run(hits(rate, seed))] for name, rate, seed in (("a", 0.5, 1), ("b", 0.52, 2), ("c", 0.45, 3))}
    pairs, standings = compare(runs)
    weights = bootstrap_weights(VOLUMES)
    means = {}
    for name, (sample,) in runs.items():
        sums = [sum(row[v] * sample.sums[v, 0] for v in range(VOLUMES)) for row in weights]
        means[name] = np.array(sums) / [sum(row * sample.counts) for row in weights]
    for pair in pairs:
        differences = means[pair.first] - means[pair.second]
        np.testing.assert_allclose((pair.low, pair.high), np.percentile(differences, [2.5, 97.5]), atol=1e-12)
    for name, standing in standings.items():
        ranks = [1 + sum(means[other][r] > means[name][r] for other in runs) for r in range(RESAMPLES)]
        low, high = np.percentile(ranks, [2.5, 97.5])
        assert (standing.low, standing.high) == (int(np.floor(low)), int(np.ceil(high)))


def test_lower_is_better_reverses_the_order() -> None:
    runs = {"near": [run(hits(0.2, 1))], "far": [run(hits(0.6, 2))]}
    _, standings = compare(runs, higher_is_better=False)
    assert list(standings) == ["near", "far"]
    assert standings["near"].rank == 1


def test_disagreement_between_seeds_makes_differences_less_significant() -> None:
    steady = {"a": [run(hits(0.55, s)) for s in (1, 2, 3)], "b": [run(hits(0.45, s)) for s in (4, 5, 6)]}
    shaky = {"a": [run(hits(r, 1)) for r in (0.2, 0.55, 0.9)], "b": [run(hits(r, 4)) for r in (0.1, 0.45, 0.8)]}
    assert compare(steady)[0][0].distinct
    assert not compare(shaky)[0][0].distinct


def test_false_positives_are_rare() -> None:
    """Simulate 100 boards of six equal methods; about 5 % of the boards may have a significant pair (Holm)."""
    rng = np.random.default_rng(7)
    alarms = 0
    for _ in range(100):
        difficulty = rng.beta(2, 3, VOLUMES)[CLUSTER]
        runs = {str(k): [run(rng.random(len(CLUSTER)) < difficulty)] for k in range(6)}
        alarms += any(pair.distinct for pair in compare(runs)[0])
    assert alarms <= 10  # 99.9 % quantile of Binomial(100, 0.05) is 12


@pytest.mark.parametrize("count", [0, 1])
def test_boards_with_fewer_than_two_methods_have_no_pairs(count: int) -> None:
    runs = {"a": [run(hits(0.5, 1))]} if count else {}
    pairs, standings = compare(runs)
    assert pairs == []
    assert len(standings) == count


def test_all_pairs_of_many_methods_are_tested_and_the_informative_ones_returned() -> None:
    runs = {f"m{k:02d}": [run(hits(0.1 + k / 100, k))] for k in range(FEW + 10)}
    runs["copy"] = runs["m07"]
    pairs, standings = compare(runs, always=["m05"])
    order, returned = list(standings), {(pair.first, pair.second): pair for pair in pairs}
    assert len(pairs) < len(order) * (len(order) - 1) / 4
    assert set(pairwise(order)) <= set(returned)
    assert {name for pair in returned if "m05" in pair for name in pair} == set(order)
    best = {group: next(name for name in order if standings[name].group == group) for group in (1, 2)}
    for name in order:
        group = standings[name].group
        assert name in best.values() or group > 2 or (best[group], name) in returned
    differences, resampled = zip(*_differences({name: runs[name] for name in order}), strict=True)
    corrected = iter(holm(p_values(np.array(differences), np.array(resampled), VOLUMES)))
    for first in range(len(order)):
        for second in range(first + 1, len(order)):
            expected = next(corrected)
            if pair := returned.get((order[first], order[second])):
                assert pair.p_holm == pytest.approx(expected, abs=1e-12)


def _differences(runs: dict[str, list[Clustered]]) -> list[tuple[float, np.ndarray]]:
    names = list(runs)
    means = {name: resampled_means(samples, name) for name, samples in runs.items()}
    values = {name: float(samples[0].value(np.ones(VOLUMES))) for name, samples in runs.items()}
    return [(values[a] - values[b], means[a] - means[b]) for n, a in enumerate(names) for b in names[n + 1 :]]


def test_resampling_methods_together_equals_resampling_each_alone() -> None:
    runs = {name: [run(hits(0.4, 10 * n + seed)) for seed in range(1 + n)] for n, name in enumerate("abc")}
    alone = [resampled_means(samples, name) for name, samples in runs.items()]
    np.testing.assert_array_equal(resampled_methods(runs), alone)
    components = {"x": [Clustered(np.ones((VOLUMES, 3)), np.ones(VOLUMES))]}
    np.testing.assert_array_equal(resampled_methods(components)[0], resampled_means(components["x"], "x"))
