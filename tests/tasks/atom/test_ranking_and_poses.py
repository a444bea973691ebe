import numpy as np
import pytest

from atombench.tasks.atom.geometry import BlockGrid
from atombench.tasks.atom.labels import label_sections
from atombench.tasks.atom.poses import pose_errors, pose_scores
from atombench.tasks.atom.ranking import first_correct
from atombench.tasks.atom.sampling import sampler


def naive_rank(scores: np.ndarray, correct: np.ndarray) -> tuple[int, int]:
    order = sorted(range(len(scores)), key=lambda answer: (-scores[answer], answer))
    return next(((rank, answer) for rank, answer in enumerate(order, 1) if correct[answer]), (len(scores) + 1, -1))


def test_ranks_equal_a_sort_with_ties_by_index() -> None:
    rng = np.random.default_rng(0)
    scores = rng.integers(0, 4, (500, 12)).astype(np.float32)  # many ties
    correct = rng.random((500, 12)) < 0.15
    ranks, answers = first_correct(scores, correct)
    assert [naive_rank(*row) for row in zip(scores, correct, strict=True)] == list(zip(ranks, answers, strict=True))


def test_ranks_are_invariant_to_shifts_and_permutations_and_reversed_by_negation() -> None:
    rng = np.random.default_rng(1)
    scores, correct = rng.random((200, 729)), rng.random((200, 729)) < 0.01
    ranks, _ = first_correct(scores, correct)
    np.testing.assert_array_equal(first_correct(scores + 5, correct)[0], ranks)
    order = rng.permutation(729)
    np.testing.assert_array_equal(first_correct(scores[:, order], correct[:, order])[0], ranks)
    single = correct.sum(axis=1) == 1
    np.testing.assert_array_equal(first_correct(-scores, correct)[0][single], 730 - ranks[single])


@pytest.mark.parametrize("scale", [1, 2])
def test_scores_of_a_pose_exceed_one_half_exactly_in_its_labels(scale: int) -> None:
    grid = BlockGrid(scale)
    poses = sampler("hard", "none", "toy", grid).draw("test", "v")
    from atombench.tasks.atom.geometry import section_points

    labels = label_sections(section_points(poses.centres, poses.normals, grid), grid)
    boxes, blocks = pose_scores(poses.centres.astype(float), poses.normals, grid)
    np.testing.assert_array_equal(boxes > 0.5, labels.boxes)
    np.testing.assert_array_equal(blocks > 0.5, labels.coarse)


def test_pose_errors_are_zero_for_true_poses_and_scaled_to_mm_by_the_spacing() -> None:
    grid = BlockGrid(1)
    centres, normals = np.array([[5.0, 6, 7]] * 2), np.array([[0.0, 0, 1]] * 2)
    moved, turned = np.array([[8.0, 6, 7], [5.0, 6, 7]]), np.array([[0.0, 0, 1], [0.0, 1, 0]])
    spacing = np.tile([2.0, 3, 4], (2, 1))
    same = pose_errors((centres, normals), (centres, normals), spacing, grid)
    assert all((values == 0).all() for values in vars(same).values())
    found = pose_errors((moved, turned), (centres, normals), spacing, grid)
    np.testing.assert_allclose(found.centre_voxel, [3, 0])
    np.testing.assert_allclose(found.centre_mm, [6, 0])
    np.testing.assert_allclose(found.corner_mm[0], 6)
    np.testing.assert_allclose(found.angle_degree, [0, 90])
