"""The search finds sections at any pose; resampling and poses are exact where they can be."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.spatial.transform import Rotation

from atombench.locating import levels as levels_module
from atombench.locating import search as search_module
from atombench.locating.levels import levels_of, resampled_scan, resampled_section, scan_extent
from atombench.locating.planes import Planes, distinct, neighbours, shown
from atombench.locating.rotations import rotations_apart
from atombench.locating.scan import Scan
from atombench.locating.search import search
from atombench.similarity.table import MEASURES
from tests.locating import naive

SIDE = 24.0  # mm


def oblique_affine() -> np.ndarray:
    """Return anisotropic voxels along flipped, exchanged and tilted axes."""
    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_euler("xyz", [10, -20, 5], degrees=True).as_matrix() @ np.array(
        [[0, -2.0, 0], [1.5, 0, 0], [0, 0, 2.5]]
    )
    affine[:3, 3] = 10, -40, 7
    return affine


def scan_of(shape: tuple[int, int, int] = (32, 28, 22)) -> Scan:
    """Return a smooth random volume in which no two places look alike."""
    noise = np.random.default_rng(0).normal(size=shape)
    return Scan(gaussian_filter(noise, 1.6).astype(np.float32), oblique_affine(), Path("scan"))


def cut(scan: Scan, pose: Planes, pixel: float) -> np.ndarray:
    """Return a section of `SIDE` mm at one pose."""
    return naive.cut(scan, pose, SIDE, pixel)


def pose_of(scan: Scan, seed: int) -> Planes:
    rng = np.random.default_rng(seed)
    middle = scan.to_mm((np.array(scan.voxels.shape) - 1) / 2 + rng.uniform(-2, 2, 3))
    return Planes(middle[None], Rotation.random(rng=rng).as_matrix()[None], np.zeros(1))


@pytest.fixture(autouse=True)
def few_candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refine fewer poses than usual, which is faster."""
    monkeypatch.setattr(search_module, "KEPT", (800, 60, *[6] * 6))
    monkeypatch.setattr(levels_module, "FEWEST", 6)


def test_a_section_is_found_at_any_pose() -> None:
    scan = scan_of()
    true = pose_of(scan, 0)
    levels = levels_of(scan, cut(scan, true, 1.5), (1.5, 1.5))
    assert len(levels) > 1
    found = search(levels, MEASURES["ncc"], np.ones(levels[0].volume.shape, bool))
    assert np.linalg.norm(found.centres[0] - true.centres[0]) < 0.7
    assert Rotation.from_matrix(found.axes[0].T @ true.axes[0]).magnitude() < np.radians(4)
    assert (np.diff(found.scores) <= 0).all()


def test_a_section_that_was_turned_over_is_found_from_behind() -> None:
    scan = scan_of()
    true = pose_of(scan, 5)
    levels = levels_of(scan, cut(scan, true, 1.5)[:, ::-1], (1.5, 1.5))
    found = search(levels, MEASURES["ncc"], np.ones(levels[0].volume.shape, bool))
    behind = true.axes[0] @ np.diag([-1.0, 1.0, -1.0])
    assert np.linalg.norm(found.centres[0] - true.centres[0]) < 0.7
    assert Rotation.from_matrix(found.axes[0].T @ behind).magnitude() < np.radians(4)


def test_only_allowed_positions_are_searched() -> None:
    scan = scan_of()
    levels = levels_of(scan, cut(scan, pose_of(scan, 0), 1.5), (1.5, 1.5))[:1]
    allowed = np.zeros(levels[0].volume.shape, bool)
    allowed[1, 2, 3] = True
    found = search(levels, MEASURES["ncc"], allowed)
    assert np.linalg.norm(found.centres - (levels[0].origin + levels[0].spacing * np.array([1, 2, 3])), axis=1).max() < 30


@pytest.mark.parametrize("spacing", [1.0, 2.0, 3.7])
def test_a_resampled_scan_has_the_same_values_at_the_same_places(spacing: float) -> None:
    """A linear function of scanner coordinates is changed neither by blurring nor by interpolation."""
    scan = scan_of()
    slope = np.array([0.3, -0.2, 0.5])
    indices = np.stack(np.meshgrid(*[np.arange(n) for n in scan.voxels.shape], indexing="ij"), axis=-1).astype(float)
    scan = Scan((scan.to_mm(indices) @ slope).astype(np.float32), scan.affine, scan.source)
    volume, origin = resampled_scan(scan, spacing)
    low, high = scan_extent(scan)
    assert (origin <= low + 1e-9).all()
    assert (origin + (np.array(volume.shape) - 1) * spacing >= high - 1e-9).all()
    places = origin + spacing * np.stack(np.meshgrid(*[np.arange(n) for n in volume.shape], indexing="ij"), axis=-1)
    voxels = scan.to_voxels(places)
    inner = ((voxels > 6) & (voxels < np.array(scan.voxels.shape) - 7)).all(axis=-1)
    assert inner.sum() > 5
    np.testing.assert_allclose(volume[inner] + scan.background, (places @ slope)[inner], atol=1e-2)


def test_a_resampled_section_keeps_its_centre_and_its_values() -> None:
    rows, columns = np.mgrid[:40, :30].astype(float)
    section = ((rows - 19.5) * 2 * 0.1 + (columns - 14.5) * 3 * 0.2).astype(np.float32)  # mm from the centre times slopes
    found = resampled_section(section, (2.0, 3.0), 4.0)
    assert found.shape == (20, 22)
    down, across = np.mgrid[:20, :22]
    expected = (down - 9.5) * 4 * 0.1 + (across - 10.5) * 4 * 0.2
    np.testing.assert_allclose(found[4:-4, 4:-4], expected[4:-4, 4:-4], atol=1e-3)


def test_a_level_shows_its_voxels_at_their_places() -> None:
    scan = scan_of()
    level = levels_of(scan, np.random.default_rng(1).random((16, 16), dtype=np.float32), (1.5, 1.5))[0]
    pose = Planes((level.origin + level.spacing * np.array([5, 4, 6]))[None], np.eye(3)[None], np.zeros(1))
    height, width = 7, 9
    level = replace(level, section=np.zeros((height, width), np.float32))
    section = shown(level, pose.points(level.offsets))[0].numpy()
    assert section[height // 2, width // 2] == pytest.approx(level.volume[5, 4, 6], abs=1e-5)
    far = Planes(pose.centres + 1e4, pose.axes, pose.scores)
    assert (shown(level, far.points(level.offsets)) == 0).all()


def test_neighbours_lie_one_step_away() -> None:
    pose = pose_of(scan_of(), 0)
    near = neighbours(pose, 2.0, 0.1)
    moved = np.linalg.norm(near.centres - pose.centres, axis=1)
    turned = Rotation.from_matrix(pose.axes[0].T @ near.axes).magnitude()
    np.testing.assert_allclose(moved, [2] * 6 + [0] * 6, atol=1e-9)
    np.testing.assert_allclose(turned, [0] * 6 + [0.1] * 6, atol=1e-7)
    assert len({tuple(np.round(np.append(c, a.ravel()), 6)) for c, a in zip(near.centres, near.axes, strict=True)}) == 12


def test_rotations_leave_no_gap() -> None:
    rotations = Rotation.from_matrix(rotations_apart(0.5))
    nearest = [(rotations.inv() * one).magnitude().min() for one in Rotation.random(100, rng=np.random.default_rng(0))]
    assert max(nearest) < 0.5


def test_distinct_poses_are_the_best_of_those_that_are_alike() -> None:
    turned = Rotation.from_rotvec([[0, 0, 0], [0, 0, 0.05], [0, 0, 0.5], [0, 0, 0]]).as_matrix()
    centres = np.array([[0.0, 0, 0], [0.5, 0, 0], [0, 0, 0], [9, 0, 0]])
    planes = Planes(centres, turned, np.array([0.7, 0.9, 0.8, 0.1]))
    assert distinct(planes, 1.0, 0.1, 10).scores.tolist() == [0.9, 0.8, 0.1]
    assert distinct(planes, 0.1, 0.1, 10).scores.tolist() == [0.9, 0.8, 0.7, 0.1]
    assert distinct(planes, 1.0, 0.1, 2).scores.tolist() == [0.9, 0.8]
