import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from atombench.tasks.atom.geometry import BlockGrid, section_points
from atombench.tasks.atom.labels import label_sections
from atombench.tasks.atom.sections import available_threads, cut, cut_sections
from tests.tasks.atom.naive import naive_section, random_poses

OUTPUTS = ("pixels", "points", "coarse", "fine")


@pytest.mark.parametrize(("scale", "count"), [(1, 20_000), (2, 1000), (3, 500)])
def test_all_four_outputs_equal_one_section_at_a_time(scale: int, count: int) -> None:
    centres, normals = random_poses(3, count, scale)
    volumes = np.random.default_rng(0).random((3, *(20 * scale,) * 3)).astype(np.float32)
    which = np.arange(count) % 3
    found = cut_sections(volumes, which, centres, normals, scale)
    assert found.pixels.dtype == np.float32
    for row in range(count):
        single = naive_section(volumes[which[row]], centres[row], normals[row], scale)
        for name, expected in zip(OUTPUTS, single, strict=True):
            values = getattr(found, name)[row]
            assert values.shape == expected.shape
            assert (values == expected).all(), (name, row)


def test_sections_do_not_depend_on_threads_or_order() -> None:
    centres, normals = random_poses(7, 10_000, 1)
    volumes = np.random.default_rng(1).random((5, 20, 20, 20)).astype(np.float32)
    which = np.random.default_rng(2).integers(0, 5, 10_000)
    order = np.random.default_rng(3).permutation(10_000)
    one, two = (cut_sections(volumes, which, centres, normals, threads=threads) for threads in (1, 2))
    shuffled = cut_sections(volumes, which[order], centres[order], normals[order], threads=2)
    for name in OUTPUTS:
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
        np.testing.assert_array_equal(getattr(one, name)[order], getattr(shuffled, name))


@pytest.mark.parametrize("count", [0, 1, 5000])
def test_torch_tensors_return_the_same_sections_as_torch_tensors(count: int) -> None:
    centres, normals = random_poses(8, count, 1)
    volumes = np.random.default_rng(1).random((2, 20, 20, 20)).astype(np.float32)
    which = np.arange(count) % 2
    expected = cut_sections(volumes, which, centres, normals)
    found = cut_sections(*(torch.from_numpy(values) for values in (volumes, which, centres, normals)))
    for name in OUTPUTS:
        values = getattr(found, name)
        assert isinstance(values, torch.Tensor)
        assert values.shape == getattr(expected, name).shape
        np.testing.assert_array_equal(values.numpy(), getattr(expected, name))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"volumes": np.zeros((2, 20, 20))}, r"volumes of shape \(N, 20, 20, 20\), got \(2, 20, 20\)"),
        ({"volumes": np.zeros((2, 40, 40, 40))}, r"got \(2, 40, 40, 40\)"),
        ({"volume_index": np.array([0, 2])}, "volume_index from 0 to 1"),
        ({"volume_index": np.array([-1, 0])}, "volume_index from 0 to 1"),
        ({"volume_index": np.array([0])}, r"volume_index of shape \(2,\), got \(1,\)"),
        ({"normals": np.array([[0.0, 0, 0], [1, 0, 0]])}, "normals of positive length"),
        ({"normals": np.array([[np.nan, 0, 0], [1, 0, 0]])}, "finite normals"),
        ({"normals": np.ones((2, 2))}, r"normals of shape \(2, 3\), got \(2, 2\)"),
        ({"centres": np.array([[np.inf, 0, 0], [1, 0, 0]])}, "finite centres"),
        ({"scale": 0}, "expected a scale"),
    ],
)
@pytest.mark.parametrize("kind", ["numpy", "torch"])
def test_invalid_arguments_are_rejected(kind: str, change: dict, message: str) -> None:
    arguments = {
        "volumes": np.zeros((2, 20, 20, 20), np.float32),
        "volume_index": np.array([0, 1]),
        "centres": np.full((2, 3), 9),
        "normals": np.ones((2, 3)),
        **change,
    }
    if kind == "torch":
        arguments = {name: torch.from_numpy(value) if name != "scale" else value for name, value in arguments.items()}
    with pytest.raises(ValueError, match=message):
        cut_sections(**arguments)


def test_mixed_numpy_and_torch_arrays_are_rejected() -> None:
    with pytest.raises(TypeError):
        cut_sections(torch.zeros(1, 20, 20, 20), np.zeros(1, int), np.zeros((1, 3)), np.ones((1, 3)))


def test_the_number_of_threads_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert available_threads() == 3
    monkeypatch.setenv("OMP_NUM_THREADS", "many")
    assert available_threads() >= 1


@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 2]))
def test_a_section_written_back_to_its_points_is_cut_again_unchanged(seed: int, scale: int) -> None:
    """Writing pixels back to their points restores the voxels, and cutting again returns the same section."""
    edge = 20 * scale
    volumes = np.random.default_rng(seed).random((1, edge, edge, edge)) + 0.5
    centres, normals = random_poses(seed, 8, scale)
    for row in range(8):
        section = cut_sections(volumes, np.array([0]), centres[row : row + 1], normals[row : row + 1], scale)
        points, pixels = section.points[0], section.pixels[0].ravel()
        inside = ((points >= 0) & (points < edge)).all(axis=0)
        assert (pixels[~inside] == 0).all()
        emptied = np.zeros_like(volumes)
        emptied[0][tuple(points[:, inside])] = pixels[inside]
        written = emptied > 0
        np.testing.assert_array_equal(emptied[written], volumes[written])
        again = cut_sections(emptied, np.array([0]), centres[row : row + 1], normals[row : row + 1], scale)
        np.testing.assert_array_equal(again.pixels, section.pixels)


@given(st.integers(0, 2**32 - 1))
def test_labels_and_points_do_not_depend_on_intensities(seed: int) -> None:
    centres, normals = random_poses(seed, 64, 1)
    which = np.zeros(64, dtype=np.int64)
    rng = np.random.default_rng(seed)
    dark, bright = np.zeros((1, 20, 20, 20), np.float32), rng.normal(size=(1, 20, 20, 20)).astype(np.float32)
    one, other = (cut_sections(volumes, which, centres, normals) for volumes in (dark, bright))
    for name in ("points", "coarse", "fine"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


@given(st.integers(0, 2**32 - 1))
def test_torch_returns_the_same_labels_and_pixels(seed: int) -> None:
    grid = BlockGrid(1)
    centres, normals = random_poses(seed, 16, 1)
    points = section_points(centres, normals, grid)
    volumes = np.random.default_rng(seed).random((2, 20, 20, 20)).astype(np.float32)
    which = np.arange(16) % 2
    tensor = torch.from_numpy(points)
    np.testing.assert_array_equal(label_sections(tensor, grid).boxes.numpy(), label_sections(points, grid).boxes)
    found = cut(torch.from_numpy(volumes), torch.from_numpy(which), tensor, grid)
    np.testing.assert_array_equal(found.numpy(), cut(volumes, which, points, grid))


@given(st.integers(0, 2**32 - 1))
def test_corners_of_every_labelled_section_lie_in_its_boxes(seed: int) -> None:
    grid = BlockGrid(1)
    centres, normals = random_poses(seed, 64, 1)
    points = section_points(centres, normals, grid)
    rows, boxes = np.nonzero(label_sections(points, grid).boxes)
    corners = points[rows][:, :, grid.corners]
    start = grid.box_starts[boxes][:, :, None]
    assert ((corners >= start) & (corners < start + grid.fine_edge)).all()


def test_a_correct_box_lies_in_a_correct_block() -> None:
    grid = BlockGrid(1)
    labels = label_sections(section_points(*random_poses(5, 2000, 1), grid), grid)
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
