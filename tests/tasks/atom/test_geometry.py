import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from atombench.tasks.atom.geometry import BOXES, BlockGrid, lattice, plane, section_points, square
from tests.tasks.atom.naive import naive_points

GRID = BlockGrid(1)


@pytest.mark.parametrize("scale", [1, 2, 3])
def test_all_sizes_of_the_task_follow_from_the_scale(scale: int) -> None:
    grid = BlockGrid(scale)
    assert (grid.edge, grid.section, grid.coarse_edge, grid.fine_edge) == (20 * scale, 4 * scale, 10 * scale, 6 * scale)
    assert len({tuple(start) for start in grid.box_starts}) == BOXES == 729
    assert sorted(set(grid.box_starts.ravel())) == [scale * start for start in (0, 2, 4, 5, 7, 9, 10, 12, 14)]
    assert (grid.box_starts >= 0).all()
    assert (grid.box_starts + grid.fine_edge <= grid.edge).all()


def test_box_starts_have_the_order_of_scores() -> None:
    for box in (0, 1, 27, 28, 400, 728):
        coarse, fine = divmod(box, 27)
        expected = [5 * (coarse // 9) + 2 * (fine // 9), 5 * (coarse // 3 % 3) + 2 * (fine // 3 % 3)]
        assert list(GRID.box_starts[box]) == [*expected, 5 * (coarse % 3) + 2 * (fine % 3)]


def test_a_scale_below_one_is_rejected() -> None:
    with pytest.raises(ValueError, match="expected a scale"):
        BlockGrid(0)


@pytest.mark.parametrize("scale", [1, 2])
def test_lattice_is_the_smallest_rotation_from_k_to_the_normal(scale: int) -> None:
    rng = np.random.default_rng(1)
    normals = np.concatenate([rng.normal(size=(200, 3)), rng.integers(0, 10, (200, 3)) + np.array([0, 0, 1])])
    offsets = lattice(normals, BlockGrid(scale))
    for offset, normal in zip(offsets, normals, strict=True):
        np.testing.assert_allclose(offset, naive_points(np.zeros(3), normal, scale), atol=1e-9)
        np.testing.assert_allclose(normal @ offset, 0, atol=1e-9)


def test_halfway_values_are_exact_and_rounded_to_even() -> None:
    offset = lattice(np.array([[1.0, 1.0, 0.0]]), GRID)[0]  # entries are multiples of a half
    halves = 2 * offset[:2]
    np.testing.assert_array_equal(halves, np.round(halves))
    even, odd = section_points(np.array([[10, 10, 10], [11, 11, 10]]), np.array([[1.0, 1, 0]] * 2), GRID)
    assert (even[:2] % 2 == 0)[:, halves[0] % 2 == 1].all()
    assert (odd[:2] % 2 == 0)[:, halves[0] % 2 == 1].all()


def test_the_section_lies_in_the_middle_of_a_larger_square_in_its_plane() -> None:
    normals = np.random.default_rng(2).normal(size=(50, 3))
    large = plane(normals, square(GRID.edge)).reshape(50, 3, 20, 20)
    np.testing.assert_array_equal(large[:, :, 8:12, 8:12].reshape(50, 3, 16), lattice(normals, GRID))
    assert (plane(np.array([[0.0, 0.0, 1.0]]), square(4))[0, 0, :4] == [-2, -1, 0, 1]).all()  # a fastest


def test_the_downward_normal_is_a_half_turn_without_division_by_zero() -> None:
    offset = lattice(np.array([[0.0, 0.0, -2.0]]), GRID)[0]
    a, b = GRID.offsets
    np.testing.assert_array_equal(offset, [a, -b, 0 * a])


def test_a_normal_of_length_zero_is_rejected() -> None:
    with pytest.raises(ValueError, match="positive length"):
        lattice(np.zeros((1, 3)), GRID)


@given(st.integers(0, 2**32 - 1))
def test_torch_returns_the_same_points_as_numpy(seed: int) -> None:
    rng = np.random.default_rng(seed)
    centres, normals = rng.integers(0, 20, (20, 3)), rng.integers(0, 10, (20, 3)) + np.array([0.0, 0.0, 1.0])
    found = section_points(torch.from_numpy(centres), torch.from_numpy(normals), GRID)
    np.testing.assert_array_equal(found.numpy(), section_points(centres, normals, GRID))


def test_the_length_of_a_normal_does_not_matter() -> None:
    normals = np.array([[1.0, 2.0, 2.0], [0.0, 3.0, 4.0]])
    centres = np.array([[5, 6, 7], [8, 9, 10]])
    np.testing.assert_array_equal(section_points(centres, normals, GRID), section_points(centres, 7 * normals, GRID))
