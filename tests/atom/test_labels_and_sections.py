import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from atombench.atom.geometry import BlockGrid, section_points
from atombench.atom.labels import label_sections
from atombench.atom.sections import cut


def naive_labels(points: np.ndarray, s: int) -> tuple[np.ndarray, np.ndarray]:
    """Loops over blocks and boxes, as in the protocol's text."""
    side = 4 * s
    corners = points.reshape(3, side, side)[:, [0, 0, -1, -1], [0, -1, 0, -1]].T
    coarse, fine = np.zeros(27, bool), np.zeros((27, 27), bool)
    for i in range(3):
        for j in range(3):
            for k in range(3):
                start = 5 * s * np.array([i, j, k])
                block = 9 * i + 3 * j + k
                coarse[block] = ((corners >= start) & (corners <= start + 10 * s - 1)).all()
                for box in range(27):
                    inner = start + 2 * s * np.array([box // 9, box // 3 % 3, box % 3])
                    fine[block, box] = ((corners >= inner) & (corners <= inner + 6 * s - 1)).all()
    return coarse, fine


def naive_cut(volume: np.ndarray, points: np.ndarray, s: int) -> np.ndarray:
    pixels = np.zeros(points.shape[1], volume.dtype)
    for place, (i, j, k) in enumerate(points.T):
        if min(i, j, k) >= 0 and max(i, j, k) < 20 * s:
            pixels[place] = volume[i, j, k]
    return pixels.reshape(4 * s, 4 * s)


def poses(seed: int, count: int, s: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    normals = np.where(rng.random((count, 1)) < 0.5, rng.integers(0, 10, (count, 3)), rng.normal(size=(count, 3)))
    normals[~normals.any(axis=1)] = 1
    return rng.integers(0, 20 * s, (count, 3)), normals


@pytest.mark.parametrize("scale", [1, 2])
def test_labels_and_pixels_equal_one_section_at_a_time(scale: int) -> None:
    grid = BlockGrid(scale)
    centres, normals = poses(3, 300, scale)
    points = section_points(centres, normals, grid)
    volumes = np.random.default_rng(0).random((3, *(grid.edge,) * 3)).astype(np.float32)
    which = np.arange(300) % 3
    labels, pixels = label_sections(points, grid), cut(volumes, which, points, grid)
    for row in range(300):
        coarse, fine = naive_labels(points[row], scale)
        np.testing.assert_array_equal(labels.coarse[row], coarse)
        np.testing.assert_array_equal(labels.fine[row], fine)
        np.testing.assert_array_equal(pixels[row], naive_cut(volumes[which[row]], points[row], scale))


@given(st.integers(0, 2**32 - 1))
def test_torch_gives_the_same_labels_and_pixels(seed: int) -> None:
    grid = BlockGrid(1)
    centres, normals = poses(seed, 16, 1)
    points = section_points(centres, normals, grid)
    volumes = np.random.default_rng(seed).random((2, 20, 20, 20)).astype(np.float32)
    which = np.arange(16) % 2
    there = torch.from_numpy(points)
    np.testing.assert_array_equal(label_sections(there, grid).boxes.numpy(), label_sections(points, grid).boxes)
    found = cut(torch.from_numpy(volumes), torch.from_numpy(which), there, grid)
    np.testing.assert_array_equal(found.numpy(), cut(volumes, which, points, grid))


@given(st.integers(0, 2**32 - 1))
def test_every_labelled_sections_corners_lie_in_its_boxes(seed: int) -> None:
    grid = BlockGrid(1)
    centres, normals = poses(seed, 64, 1)
    points = section_points(centres, normals, grid)
    rows, boxes = np.nonzero(label_sections(points, grid).boxes)
    corners = points[rows][:, :, grid.corners]
    start = grid.box_starts[boxes][:, :, None]
    assert ((corners >= start) & (corners < start + grid.fine_edge)).all()


def test_a_correct_box_lies_in_a_correct_block() -> None:
    grid = BlockGrid(1)
    labels = label_sections(section_points(*poses(5, 2000, 1), grid), grid)
    assert (labels.fine.any(axis=2) <= labels.coarse).all()
    assert labels.coarse.sum(axis=1).max() <= 8


def test_pixels_are_the_voxels_at_the_points() -> None:
    grid = BlockGrid(1)
    numbered = np.arange(8000, dtype=np.float32).reshape(1, 20, 20, 20)
    points = section_points(np.array([[10, 10, 10]]), np.array([[0.0, 0.0, 1.0]]), grid)
    pixels = cut(numbered, np.array([0]), points, grid)[0]
    assert pixels[0, 0] == numbered[0, 8, 8, 10]
    assert pixels[0, 3] == numbered[0, 11, 8, 10]  # columns follow a, the first axis for an upright normal
    assert pixels[3, 0] == numbered[0, 8, 11, 10]
