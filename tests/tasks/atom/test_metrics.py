from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom

from atombench.engine.contract import Predictions
from atombench.errors import DataError
from atombench.statistics.chance import chance_hit, chance_reciprocal_rank
from atombench.tasks.atom.evaluate import evaluate
from atombench.tasks.atom.labels import Labels
from atombench.tasks.atom.manifest import Manifest
from atombench.tasks.atom.metrics import Truth, calibration_gaps, published, scored, strict
from atombench.tasks.atom.ranking import first_correct
from atombench.volumes.volume_set import VolumeSet


def numbers(predictions: Predictions, manifest: Manifest, volumes: VolumeSet) -> dict[str, float]:
    return {f"{m.protocol} {m.metric}": m.value for m in evaluate(predictions, manifest, volumes)}


def naive(boxes: np.ndarray, labels: object) -> dict[str, float]:
    """Both protocols with loops and sorts, as in the protocol's text."""
    counts = dict.fromkeys(("high@1", "high@5", "oracle_low@1", "oracle_low@5", "r@1", "r@5", "r@10", "c@1", "c@5", "mrr"), 0.0)
    labelled = 0
    for scores, coarse, fine in zip(boxes.reshape(-1, 27, 27), labels.coarse, labels.fine, strict=True):
        sums = scores.sum(axis=1, dtype=np.float64)
        blocks = sorted(range(27), key=lambda block, s=sums: (-s[block], block))
        for k in (1, 5):
            correct = [block for block in blocks[:k] if coarse[block]]
            if correct:
                counts[f"high@{k}"] += 1
                inner = scores[correct[0]]
                best = sorted(range(27), key=lambda box, s=inner: (-s[box], box))[:k]
                counts[f"oracle_low@{k}"] += any(fine[correct[0]][box] for box in best)
        if not fine.any():
            continue
        labelled += 1
        flat = scores.ravel()
        order = sorted(range(729), key=lambda box, s=flat: (-s[box], box))
        rank = next(rank for rank, box in enumerate(order, 1) if fine.ravel()[box])
        for k in (1, 5, 10):
            counts[f"r@{k}"] += rank <= k
        for k in (1, 5):
            counts[f"c@{k}"] += any(coarse[block] for block in blocks[:k])
        counts["mrr"] += 1 / rank
    names = {"r@": "strict fine_recall@", "c@": "strict coarse_recall@"}
    found = {}
    for name, count in counts.items():
        if name == "mrr":
            found["strict mean_reciprocal_rank"] = count / labelled
        elif name[:2] in names:
            found[names[name[:2]] + name[2:]] = count / labelled
        else:
            found[f"published {name}"] = count / len(boxes)
    return found


def test_both_protocols_equal_naive_loops(toy: VolumeSet, toy_manifest: Manifest) -> None:
    rng = np.random.default_rng(0)
    boxes = rng.integers(0, 50, (toy_manifest.counts["test"], 729)).astype(np.float32)  # with ties
    expected = naive(boxes, toy_manifest.parts["test"].labels(toy_manifest.grid))
    found = numbers(Predictions(boxes=boxes), toy_manifest, toy)
    assert found == pytest.approx(expected, abs=1e-12)


def test_a_perfect_predictor_gets_all_there_is(toy: VolumeSet, toy_manifest: Manifest) -> None:
    sections = toy_manifest.parts["test"]
    labels = sections.labels(toy_manifest.grid)
    found = numbers(Predictions(boxes=labels.boxes.astype(np.float32)), toy_manifest, toy)
    ceiling = labels.coarse.any(axis=1).mean()
    assert all(value == 1 for name, value in found.items() if name.startswith("strict"))
    assert all(value == pytest.approx(ceiling) for name, value in found.items() if name.startswith("published"))
    posed = numbers(Predictions(centres=sections.centres.astype(float), normals=sections.normals), toy_manifest, toy)
    assert posed["strict fine_recall@1"] == 1
    for name in ("centre_voxel", "centre_mm", "corner_voxel", "corner_mm"):
        assert posed[f"strict {name}"] == 0
    assert posed["strict angle_degree"] == pytest.approx(0, abs=1e-6)


def test_equal_scores_rank_by_index(toy: VolumeSet, toy_manifest: Manifest) -> None:
    count = toy_manifest.counts["test"]
    flat = numbers(Predictions(boxes=np.ones((count, 729), np.float32)), toy_manifest, toy)
    falling = np.broadcast_to(np.arange(729, 0, -1, dtype=np.float32), (count, 729))
    blocks = np.broadcast_to(np.arange(27, 0, -1, dtype=np.float32), (count, 27))
    assert flat == numbers(Predictions(boxes=falling, coarse=blocks), toy_manifest, toy)


def test_adding_a_constant_or_stretching_scores_changes_nothing(toy: VolumeSet, toy_manifest: Manifest) -> None:
    boxes = np.random.default_rng(1).integers(0, 9, (toy_manifest.counts["test"], 729)).astype(np.float32)  # exact, with ties
    expected = numbers(Predictions(boxes=boxes), toy_manifest, toy)
    assert numbers(Predictions(boxes=boxes + 100), toy_manifest, toy) == expected
    assert numbers(Predictions(boxes=8 * boxes), toy_manifest, toy) == expected


def test_reversed_scores_turn_every_rank_round(toy: VolumeSet, toy_manifest: Manifest) -> None:
    """Where one box of 729 is correct, rank r becomes 730 - r: recall@728 of the reversed scores misses what was first."""
    labels = toy_manifest.parts["test"].labels(toy_manifest.grid)
    boxes = np.random.default_rng(2).random((len(labels.coarse), 729)).astype(np.float32)
    single = labels.boxes.sum(axis=1) == 1
    assert single.any()
    forward, _ = first_correct(boxes[single], labels.boxes[single])
    backward, _ = first_correct(-boxes[single], labels.boxes[single])
    np.testing.assert_array_equal(forward + backward, 730)


def test_renumbering_blocks_and_boxes_in_scores_and_labels_alike_changes_nothing(
    toy: VolumeSet, toy_manifest: Manifest
) -> None:
    sections, grid, rng = toy_manifest.parts["test"], toy_manifest.grid, np.random.default_rng(3)
    labels = sections.labels(grid)
    boxes = rng.random((len(sections), 27, 27)).astype(np.float32)
    blocks, inner = rng.permutation(27), rng.permutation(27)
    moved = Labels(labels.coarse[:, blocks], labels.fine[:, blocks][:, :, inner])

    def values(scores: np.ndarray, truth_labels: Labels) -> dict[str, float]:
        truth = Truth(sections.centres.astype(float), sections.normals, np.ones((len(sections), 3)), truth_labels)
        complete = scored(Predictions(boxes=scores.reshape(-1, 729)), grid)
        found = published(complete, truth) + strict(complete, truth, grid)
        return {f"{v.protocol} {v.metric}": v.values[v.counted].mean() for v in found}

    expected = values(boxes, labels)
    assert values(boxes[:, blocks][:, :, inner], moved) == pytest.approx(expected, abs=1e-12)
    assert values(boxes, moved) != pytest.approx(expected, abs=1e-3)


def test_parts_of_a_file_add_up_to_the_whole(toy: VolumeSet, toy_manifest: Manifest) -> None:
    """Sums and counts of each volume are the same whether its sections are scored with others or alone."""
    rng, sections = np.random.default_rng(4), toy_manifest.parts["test"]
    boxes = rng.random((len(sections), 729)).astype(np.float32)
    pose = {"centres": sections.centres + rng.normal(size=(len(sections), 3)), "normals": sections.normals}
    whole = evaluate(Predictions(boxes=boxes, **pose), toy_manifest, toy)
    for number, row in enumerate(toy_manifest.volume_rows("test")):
        rows = np.flatnonzero(sections.volume == row)
        parts = {**toy_manifest.parts, "test": sections.take(rows)}
        alone = evaluate(
            Predictions(boxes=boxes[rows], **{name: values[rows] for name, values in pose.items()}),
            replace(toy_manifest, parts=parts), toy,
        )  # fmt: skip
        for one, many in zip(alone, whole, strict=True):
            assert one.sums[0] == pytest.approx(many.sums[number], abs=1e-9)
            assert one.counts[0] == many.counts[number]


def test_a_constant_score_gives_exactly_what_the_constant_control_gives(toy: VolumeSet, toy_manifest: Manifest) -> None:
    """Scores that never change rank boxes in one order for every section: index order here, the greedy one there."""
    count, labels = toy_manifest.counts["test"], toy_manifest.parts["test"].labels(toy_manifest.grid)
    order = np.random.default_rng(5).permutation(729)
    scores = np.empty(729, np.float32)
    scores[order] = np.arange(729, 0, -1)
    found = numbers(Predictions(boxes=np.tile(scores, (count, 1))), toy_manifest, toy)
    labelled = labels.boxes[labels.boxes.any(axis=1)]
    for k in (1, 5, 10):
        assert found[f"strict fine_recall@{k}"] == pytest.approx(labelled[:, order[:k]].any(axis=1).mean())
    flat = numbers(Predictions(boxes=np.zeros((count, 729), np.float32)), toy_manifest, toy)
    assert flat["strict fine_recall@1"] == pytest.approx(labelled[:, 0].mean())


def test_uniform_scores_give_the_chance_level_by_theory(toy: VolumeSet, toy_manifest: Manifest) -> None:
    rng, count = np.random.default_rng(5), toy_manifest.counts["test"]
    drawn = []
    for _ in range(20):
        found = evaluate(Predictions(boxes=rng.random((count, 729)).astype(np.float32)), toy_manifest, toy)
        drawn.append([metric.value for metric in found])
    for metric, mean in zip(found, np.mean(drawn, axis=0), strict=True):
        assert metric.chance is not None
        draws = 20 * metric.n_sections
        low, high = binom.interval(0.99, draws, metric.chance)  # wider than needed where sections differ in their chance
        assert low <= mean * draws <= high, metric.metric


@pytest.mark.parametrize(("answers", "k"), [(27, 1), (27, 5), (729, 10)])
def test_chance_of_a_hit_equals_the_hypergeometric_distribution(answers: int, k: int) -> None:
    from scipy.stats import hypergeom

    correct = np.arange(9)
    np.testing.assert_allclose(chance_hit(correct, answers, k), 1 - hypergeom.pmf(0, answers, correct, k), atol=1e-12)


def test_expected_reciprocal_rank_equals_enumeration() -> None:
    from itertools import combinations

    for m in (1, 2, 3):
        ranks = [1 / (1 + min(places)) for places in combinations(range(9), m)]
        np.testing.assert_allclose(chance_reciprocal_rank(np.array([m]), 9), np.mean(ranks))
    assert chance_reciprocal_rank(np.array([0, 1]), 9)[0] == 0


def test_calibration_error_is_zero_for_honest_and_large_for_boastful_scores() -> None:
    rng = np.random.default_rng(0)
    right = rng.random(20000) < 0.3
    honest, boastful = np.zeros((20000, 729), np.float32), np.zeros((20000, 729), np.float32)
    honest[:, 0], boastful[:, 0] = 0.3, 0.9
    assert np.abs(calibration_gaps(honest, right).sum(axis=0)).sum() / 20000 == pytest.approx(0, abs=0.01)
    assert np.abs(calibration_gaps(boastful, right).sum(axis=0)).sum() / 20000 == pytest.approx(0.6, abs=0.01)
    with pytest.raises(DataError, match=r"expected probabilities in \[0, 1\]"):
        calibration_gaps(2 * boastful, right)


def test_labels_decide_nothing_but_the_published_oracle(toy: VolumeSet, toy_manifest: Manifest) -> None:
    """A method that ranks blocks at random but boxes within them perfectly gains only where the label opens the block."""
    labels = toy_manifest.parts["test"].labels(toy_manifest.grid)
    rng = np.random.default_rng(0)
    boxes = labels.fine * 0.01 + rng.random((len(labels.coarse), 27, 1))
    found = numbers(Predictions(boxes=boxes.reshape(-1, 729).astype(np.float32)), toy_manifest, toy)
    assert found["published oracle_low@5"] > 0.9 * found["published high@5"]
    assert found["strict fine_recall@1"] < 0.2
