"""Probabilities of boxes: sums over poses, against a naive loop; the calibration finds the temperature of simulated scores."""

from dataclasses import replace

import numpy as np
import pytest

from atombench.errors import DataError
from atombench.tasks.atom.geometry import BOXES, BlockGrid, section_points
from atombench.tasks.atom.labels import label_sections
from atombench.tasks.atom.search.posterior import Calibration, boxes_of, calibrated, negative_log_likelihood, posterior

GRID = BlockGrid(1)


def poses(queries: int, count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.integers(3, 17, size=(queries, count, 3)).astype(float), rng.normal(size=(queries, count, 3))


@pytest.mark.parametrize("grid", [BlockGrid(1), BlockGrid(1, 2), BlockGrid(2)], ids=str)
def test_boxes_of_poses_are_their_labels(grid: BlockGrid) -> None:
    centres, normals = poses(6, 5)
    centres *= grid.scale
    points = section_points(centres.reshape(-1, 3), normals.reshape(-1, 3), grid)
    expected = label_sections(points, grid).boxes.reshape(6, 5, BOXES)
    assert expected.any()
    np.testing.assert_array_equal(boxes_of(centres, normals, grid), expected)


def test_probabilities_are_sums_over_poses_mixed_with_the_share() -> None:
    centres, normals = poses(3, 4)
    boxes, scores = boxes_of(centres, normals, GRID), np.random.default_rng(1).normal(size=(3, 4))
    found = posterior(scores, boxes, Calibration(temperature=0.5, doubt=0.2, share=0.01, limit=9.0, good_doubt=0.5))
    for query in range(3):
        weights = [np.exp(score / 0.5) for score in scores[query]]
        for box in range(BOXES):
            total = sum(weight for weight, inside in zip(weights, boxes[query, :, box], strict=True) if inside)
            assert found[query, box] == pytest.approx(0.8 * total / sum(weights) + 0.2 * 0.01)


def test_queries_with_good_matches_have_a_doubt_of_their_own() -> None:
    rng, queries = np.random.default_rng(0), 200
    centres, normals = poses(queries, 4)
    boxes, scores = boxes_of(centres, normals, GRID), rng.normal(size=(queries, 4))
    good = np.arange(queries) < 80
    scores[good, 0] += 20
    correct = np.where(good[:, None], boxes[:, 0], boxes[rng.permutation(queries), 0])  # the others say nothing
    found = calibrated(scores, boxes, correct)
    assert scores[~good].max() <= found.limit < scores[good, 0].min()
    assert found.good_doubt < 0.05
    assert found.doubt > 0.5
    np.testing.assert_array_equal(found.doubts(scores)[:, 0], np.where(good, found.good_doubt, found.doubt))


def test_a_calibration_is_read_from_weights_and_an_incomplete_one_refused() -> None:
    calibration = Calibration(0.5, 0.2, 0.01, 9.0, 0.5)
    weights = {f"my/{name}": np.array([value]) for name, value in vars(calibration).items()}
    assert Calibration.of(weights, "my/") == calibration
    del weights["my/limit"]
    with pytest.raises(DataError, match="no my/limit; train again"):
        Calibration.of(weights, "my/")


def test_queries_without_candidates_have_finite_probabilities() -> None:
    scores = np.array([[-np.inf, -np.inf], [-1.0, -np.inf]])
    boxes = np.zeros((2, 2, BOXES), bool)
    boxes[:, 0, 3] = boxes[:, 1, 4] = True
    found = posterior(scores, boxes, Calibration(1e-5, 0.0, 0.0, 0.0, 0.0))
    np.testing.assert_allclose(found[:, 3:5], [[0.5, 0.5], [1, 0]])


def test_the_calibration_finds_temperature_and_doubt_of_simulated_scores() -> None:
    rng, queries, count = np.random.default_rng(0), 300, 8
    centres, normals = np.full((queries, count, 3), 10.0), np.tile([0.0, 0, 1], (queries, count, 1))
    centres[..., 0] = np.array([4, 7, 10, 13] * 2)
    centres[..., 1] = np.repeat([6, 14], 4)
    boxes, scores = boxes_of(centres, normals, GRID), rng.normal(size=(queries, count))
    weights = np.exp(scores / 0.4)
    true = [rng.choice(count, p=weight / weight.sum()) for weight in weights]
    true = np.where(rng.random(queries) < 0.3, rng.integers(count, size=queries), true)
    correct = boxes[np.arange(queries), true]
    correct[rng.random(queries) < 0.1] = rng.random(BOXES) < 0.01
    found = calibrated(scores, boxes, correct)
    assert 0.2 < found.temperature < 0.9
    assert found.share == pytest.approx(correct.mean())
    losses = [
        negative_log_likelihood(posterior(scores, boxes, replace(found, temperature=temperature)), correct).mean()
        for temperature in (found.temperature, 1e-5, 1e3)
    ]
    assert losses[0] < min(losses[1:])
