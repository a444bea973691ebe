from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom

from atombench.engine.answers import Answers
from atombench.errors import DataError
from atombench.records.record import Metric
from atombench.statistics.chance import chance_hit, chance_reciprocal_rank
from atombench.tasks.atom.board import AtomBoard
from atombench.tasks.atom.labels import Labels
from atombench.tasks.atom.manifest import Manifest, make_manifest
from atombench.tasks.atom.metrics import Truth, calibration_gaps, published, scored, strict
from atombench.tasks.atom.ranking import first_correct
from atombench.tasks.atom.task import ATOM
from atombench.tasks.evaluate import evaluate
from atombench.volumes.curated import Curated
from tests.conftest import textured, volume_set


def metrics(answers: Answers, manifest: Manifest, data: Curated) -> list[Metric]:
    return evaluate(ATOM, answers, data, manifest).metrics


def numbers(answers: Answers, manifest: Manifest, data: Curated) -> dict[str, float]:
    return {f"{m.protocol} {m.metric}": m.value for m in metrics(answers, manifest, data)}


def naive(boxes: np.ndarray, labels: object) -> dict[str, float]:
    """Compute both protocols with loops and sorts, as in docs/protocol.md."""
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


def test_both_protocols_equal_naive_loops(toy_data: Curated, toy_manifest: Manifest) -> None:
    rng = np.random.default_rng(0)
    boxes = rng.integers(0, 50, (toy_manifest.counts["test"], 729)).astype(np.float32)  # with ties
    expected = naive(boxes, toy_manifest.parts["test"].labels(toy_manifest.grid))
    found = numbers(Answers(boxes=boxes), toy_manifest, toy_data)
    assert found == pytest.approx(expected, abs=1e-12)


def test_a_perfect_predictor_reaches_the_maximum(toy_data: Curated, toy_manifest: Manifest) -> None:
    sections = toy_manifest.parts["test"]
    labels = sections.labels(toy_manifest.grid)
    found = numbers(Answers(boxes=labels.boxes.astype(np.float32)), toy_manifest, toy_data)
    ceiling = labels.coarse.any(axis=1).mean()
    assert all(value == 1 for name, value in found.items() if name.startswith("strict"))
    assert all(value == pytest.approx(ceiling) for name, value in found.items() if name.startswith("published"))
    posed = numbers(Answers(centres=sections.centres.astype(float), normals=sections.normals), toy_manifest, toy_data)
    assert posed["strict fine_recall@1"] == 1
    for name in ("centre_voxel", "centre_mm", "corner_voxel", "corner_mm"):
        assert posed[f"strict {name}"] == 0
    assert posed["strict angle_degree"] == pytest.approx(0, abs=1e-6)


def test_equal_scores_rank_by_index(toy_data: Curated, toy_manifest: Manifest) -> None:
    count = toy_manifest.counts["test"]
    flat = numbers(Answers(boxes=np.ones((count, 729), np.float32)), toy_manifest, toy_data)
    falling = np.broadcast_to(np.arange(729, 0, -1, dtype=np.float32), (count, 729))
    blocks = np.broadcast_to(np.arange(27, 0, -1, dtype=np.float32), (count, 27))
    assert flat == numbers(Answers(boxes=falling, coarse=blocks), toy_manifest, toy_data)


def test_metrics_are_invariant_to_shifting_and_scaling_scores(toy_data: Curated, toy_manifest: Manifest) -> None:
    boxes = np.random.default_rng(1).integers(0, 9, (toy_manifest.counts["test"], 729)).astype(np.float32)  # exact, with ties
    expected = numbers(Answers(boxes=boxes), toy_manifest, toy_data)
    assert numbers(Answers(boxes=boxes + 100), toy_manifest, toy_data) == expected
    assert numbers(Answers(boxes=8 * boxes), toy_manifest, toy_data) == expected


def test_negated_scores_reverse_ranks(toy_data: Curated, toy_manifest: Manifest) -> None:
    """If one box of 729 is correct, rank r becomes 730 - r."""
    labels = toy_manifest.parts["test"].labels(toy_manifest.grid)
    boxes = np.random.default_rng(2).random((len(labels.coarse), 729)).astype(np.float32)
    single = labels.boxes.sum(axis=1) == 1
    assert single.any()
    forward, _ = first_correct(boxes[single], labels.boxes[single])
    backward, _ = first_correct(-boxes[single], labels.boxes[single])
    np.testing.assert_array_equal(forward + backward, 730)


def test_metrics_are_invariant_to_renumbering_blocks_and_boxes(toy_data: Curated, toy_manifest: Manifest) -> None:
    sections, grid, rng = toy_manifest.parts["test"], toy_manifest.grid, np.random.default_rng(3)
    labels = sections.labels(grid)
    boxes = rng.random((len(sections), 27, 27)).astype(np.float32)
    blocks, inner = rng.permutation(27), rng.permutation(27)
    moved = Labels(labels.coarse[:, blocks], labels.fine[:, blocks][:, :, inner])

    def values(scores: np.ndarray, truth_labels: Labels) -> dict[str, float]:
        truth = Truth(
            sections.centres.astype(float), sections.normals, np.ones((len(sections), 3)), truth_labels, truth_labels, grid
        )
        complete = scored(Answers(boxes=scores.reshape(-1, 729)), grid)
        found = published(complete, truth) + strict(complete, truth, grid)
        return {f"{v.protocol} {v.metric}": v.values[v.counted].mean() for v in found}

    expected = values(boxes, labels)
    assert values(boxes[:, blocks][:, :, inner], moved) == pytest.approx(expected, abs=1e-12)
    assert values(boxes, moved) != pytest.approx(expected, abs=1e-3)


def test_volumes_scored_alone_have_the_same_sums_and_counts(toy_data: Curated, toy_manifest: Manifest) -> None:
    """Sums and counts of a volume do not depend on the other volumes in the manifest."""
    rng, sections = np.random.default_rng(4), toy_manifest.parts["test"]
    boxes = rng.random((len(sections), 729)).astype(np.float32)
    pose = {"centres": sections.centres + rng.normal(size=(len(sections), 3)), "normals": sections.normals}
    whole = metrics(Answers(boxes=boxes, **pose), toy_manifest, toy_data)
    for number, row in enumerate(toy_manifest.volume_rows("test")):
        rows = np.flatnonzero(sections.volume == row)
        parts = {**toy_manifest.parts, "test": sections.take(rows)}
        alone = metrics(
            Answers(boxes=boxes[rows], **{name: values[rows] for name, values in pose.items()}),
            replace(toy_manifest, parts=parts),
            toy_data,
        )
        for single, joint in zip(alone, whole, strict=True):
            assert single.sums[0] == pytest.approx(joint.sums[number], abs=1e-9)
            assert single.counts[0] == joint.counts[number]


def test_constant_scores_reach_exactly_the_recall_of_their_fixed_order(toy_data: Curated, toy_manifest: Manifest) -> None:
    """Equal scores for every section rank boxes in one order; ties rank in order of index."""
    count, labels = toy_manifest.counts["test"], toy_manifest.parts["test"].labels(toy_manifest.grid)
    order = np.random.default_rng(5).permutation(729)
    scores = np.empty(729, np.float32)
    scores[order] = np.arange(729, 0, -1)
    found = numbers(Answers(boxes=np.tile(scores, (count, 1))), toy_manifest, toy_data)
    labelled = labels.boxes[labels.boxes.any(axis=1)]
    for k in (1, 5, 10):
        assert found[f"strict fine_recall@{k}"] == pytest.approx(labelled[:, order[:k]].any(axis=1).mean())
    flat = numbers(Answers(boxes=np.zeros((count, 729), np.float32)), toy_manifest, toy_data)
    assert flat["strict fine_recall@1"] == pytest.approx(labelled[:, 0].mean())


def test_uniform_scores_reach_the_theoretical_chance_level(toy_data: Curated, toy_manifest: Manifest) -> None:
    rng, count = np.random.default_rng(5), toy_manifest.counts["test"]
    drawn = []
    for _ in range(20):
        found = metrics(Answers(boxes=rng.random((count, 729)).astype(np.float32)), toy_manifest, toy_data)
        drawn.append([metric.value for metric in found])
    for metric, mean in zip(found, np.mean(drawn, axis=0), strict=True):
        assert metric.chance is not None
        draws = 20 * metric.n_queries
        low, high = binom.interval(0.99, draws, metric.chance)  # wider than needed if sections differ in their chance
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


def test_calibration_error_is_zero_for_calibrated_and_large_for_overconfident_scores() -> None:
    rng = np.random.default_rng(0)
    right = rng.random(20000) < 0.3
    calibrated, overconfident = np.zeros((20000, 729), np.float32), np.zeros((20000, 729), np.float32)
    calibrated[:, 0], overconfident[:, 0] = 0.3, 0.9
    assert np.abs(calibration_gaps(calibrated, right).sum(axis=0)).sum() / 20000 == pytest.approx(0, abs=0.01)
    assert np.abs(calibration_gaps(overconfident, right).sum(axis=0)).sum() / 20000 == pytest.approx(0.6, abs=0.01)
    with pytest.raises(DataError, match=r"expected probabilities in \[0, 1\]"):
        calibration_gaps(2 * overconfident, right)


def test_only_the_published_oracle_metric_uses_labels_to_choose_blocks(toy_data: Curated, toy_manifest: Manifest) -> None:
    """Ranking blocks at random but boxes within blocks perfectly scores high only if the label opens the block."""
    labels = toy_manifest.parts["test"].labels(toy_manifest.grid)
    rng = np.random.default_rng(0)
    boxes = labels.fine * 0.01 + rng.random((len(labels.coarse), 27, 1))
    found = numbers(Answers(boxes=boxes.reshape(-1, 729).astype(np.float32)), toy_manifest, toy_data)
    assert found["published oracle_low@5"] > 0.9 * found["published high@5"]
    assert found["strict fine_recall@1"] < 0.2


@pytest.mark.parametrize("scale", [1, 2])
def test_a_centre_is_hit_within_one_and_a_half_voxels_times_the_scale(scale: int) -> None:
    data = Curated.of(volume_set((3, 2, 2), textured(7, 20 * scale)), f"cube{20 * scale}")
    manifest = make_manifest(data, AtomBoard("hard", "none", scale))
    sections = manifest.parts["test"]
    labelled = sections.labels(manifest.grid).boxes.any(axis=1)
    moved = sections.centres.astype(float)
    near = np.arange(len(moved)) % 3 == 0
    moved[:, 1] += np.where(near, 1.5 * scale, -1.5 * scale - 1e-6)
    found = numbers(Answers(centres=moved, normals=sections.normals), manifest, data)
    assert found["strict centre_hit"] == pytest.approx(near[labelled].mean())
    boxes = numbers(Answers(boxes=np.ones((len(moved), 729), np.float32)), manifest, data)
    assert "strict centre_hit" not in boxes
