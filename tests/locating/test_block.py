"""Sections of one block support each other's poses."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from atombench.locating.block import Block, joint_probabilities
from atombench.locating.planes import Planes

TILTED = Rotation.from_euler("x", 40, degrees=True).as_matrix()


def planes_at(*poses: tuple[tuple[float, float, float], np.ndarray]) -> Planes:
    centres, axes = zip(*poses, strict=True)
    return Planes(np.array(centres, float), np.stack(axes), np.zeros(len(poses)))


def block_of(spacing: float | None = 5.0) -> Block:
    return Block(spacing, near=1.0, reach=30.0, depth=100.0)


def test_a_pose_at_the_right_distance_from_a_sure_one_becomes_likely() -> None:
    sure = planes_at(((0, 0, 0), np.eye(3)))
    doubtful = planes_at(((40, 0, 0), TILTED), ((2, 1, 5.5), np.eye(3)), ((2, 1, 20), np.eye(3)))
    first, second = joint_probabilities([sure, doubtful], [np.array([0.95]), np.array([0.5, 0.2, 0.2])], block_of())
    assert second[1] > 0.9
    assert second[1] > second[2]
    assert first[0] > 0.95
    assert first.sum() < 1
    assert second.sum() < 1


def test_a_turned_over_section_agrees_and_a_tilted_or_distant_one_does_not() -> None:
    over = np.diag([-1.0, 1.0, -1.0])
    first = planes_at(((0, 0, 0), np.eye(3)))
    second = planes_at(((0, 0, -10), over), ((0, 0, 10), TILTED), ((40, 0, 10), np.eye(3)), ((0, 0, 12), np.eye(3)))
    assert block_of().agree(first, second, 2).tolist() == [[True, False, False, False]]
    assert block_of(None).agree(first, second, 2).tolist() == [[True, False, False, True]]


def test_without_others_probabilities_stay() -> None:
    planes, own = planes_at(((0, 0, 0), np.eye(3)), ((9, 0, 0), TILTED)), np.array([0.6, 0.1])
    (alone,) = joint_probabilities([planes], [own], block_of())
    np.testing.assert_allclose(alone, own)
    far = planes_at(((0, 0, 50), TILTED))
    beside, _ = joint_probabilities([planes, far], [own, np.array([0.01])], block_of())
    np.testing.assert_allclose(beside, own, rtol=0.05)


def test_predictions_lie_at_the_distance_either_way() -> None:
    tilted = planes_at(((1, 2, 3), TILTED))
    predicted = block_of().predicted(tilted, 3)
    np.testing.assert_allclose(np.linalg.norm(predicted.centres - [1, 2, 3], axis=1), 15)
    assert block_of().agree(tilted, predicted, 3).all()
    with pytest.raises(ValueError, match="known spacing"):
        block_of(None).predicted(tilted, 1)


def test_support_has_a_limit_and_many_sections_do_no_harm() -> None:
    """Wrong poses of neighbours agree with each other, because neighbours look alike."""
    poses = [planes_at(((0, 0, 5 * number), np.eye(3))) for number in range(150)]
    first, *_ = joint_probabilities(poses, [np.array([0.1])] * 150, block_of())
    assert 0.1 < first[0] <= 0.1 * 10 / (0.1 * 10 + 0.9) + 1e-9
    sure = planes_at(((500, 0, 0), TILTED))
    first, *_ = joint_probabilities([poses[0], *[sure] * 150], [np.array([0.1]), *[np.array([1.0])] * 150], block_of())
    assert 0 <= first[0] < 0.1
