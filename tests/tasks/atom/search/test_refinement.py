"""Refinement and registration find poses near the first ones, and no score falls; turned queries undo the rotation."""

import math

import numpy as np
import pytest
import torch
from scipy import ndimage

from atombench.similarity.table import MEASURES, Similarity
from atombench.tasks.atom.degradation.damage import AXES, Damaged, displacement, sample
from atombench.tasks.atom.degradation.rotation import Rotation
from atombench.tasks.atom.geometry import BlockGrid, plane, section_points
from atombench.tasks.atom.search.best_poses import BestPoses
from atombench.tasks.atom.search.mattes import Mattes
from atombench.tasks.atom.search.refinement import DIRECTIONS, Judge, neighbours, refined
from atombench.tasks.atom.search.turns import turned
from atombench.tasks.atom.sections import cut
from tests.conftest import textured

GRID = BlockGrid(2, 2)


def smooth_volume() -> np.ndarray:
    found = ndimage.gaussian_filter(textured(1, GRID.edge)[0], 2.0)
    return ((found - found.min()) / np.ptp(found)).astype(np.float32)


VOLUME = smooth_volume()


def poses(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    normals = rng.normal(size=(count, 3))
    normals[:, 2] = 0.3 + abs(normals[:, 2])
    return rng.integers(14, 26, size=(count, 3)).astype(float), normals / np.linalg.norm(normals, axis=1, keepdims=True)


def shown(centres: np.ndarray, normals: np.ndarray) -> np.ndarray:
    return cut(VOLUME[None], np.zeros(len(centres), np.int64), section_points(centres, normals, GRID), GRID)


def tilted(normals: np.ndarray, degrees: float) -> np.ndarray:
    return math.cos(math.radians(degrees)) * normals + math.sin(math.radians(degrees)) * plane(normals, AXES)[:, :, 0]


def angles(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.degrees(np.arccos(np.clip((first * second).sum(axis=-1), -1, 1)))


def judge(name: Similarity, queries: np.ndarray, tissue_only: bool = False) -> Judge:
    features = MEASURES[name].features(torch.from_numpy(queries).flatten(0, 1).double()).reshape(*queries.shape[:2], -1)
    return Judge(torch.from_numpy(VOLUME), GRID, MEASURES[name], features, tissue_only)


def starting(judged: Judge, centres: np.ndarray, normals: np.ndarray) -> BestPoses:
    """Return one pose for each query, compared with the first turned query."""
    first = (
        torch.from_numpy(centres)[:, None],
        torch.from_numpy(normals)[:, None],
        torch.zeros((len(centres), 1), dtype=torch.int64),
    )
    return BestPoses(*first, judged.scores(*first))


@pytest.mark.parametrize("name", MEASURES)
def test_the_similarity_of_own_poses_equals_that_of_each_pair(name: Similarity) -> None:
    centres, normals = poses(6)
    queries = np.stack([shown(*poses(2, seed)) for seed in (5, 6)])  # (T, Q, W, W)
    turns = torch.tensor([[0, 1, 1], [1, 0, 1]])
    found = judge(name, queries).scores(
        torch.from_numpy(centres).reshape(2, 3, 3), torch.from_numpy(normals).reshape(2, 3, 3), turns
    )
    sections, measure = shown(centres, normals).reshape(2, 3, GRID.section, GRID.section).astype(float), MEASURES[name]
    for query, number in np.ndindex(2, 3):
        own = queries[turns[query, number], query][None].astype(float)
        expected = measure.scores(measure.features(own), measure.features(sections[query, number][None]))
        assert float(found[query, number]) == pytest.approx(float(expected[0, 0]), abs=1e-9)


def test_neighbours_are_the_six_adjacent_positions_and_eight_tilts_of_equal_angle() -> None:
    centres, normals = poses(3)
    near_centres, near_normals = neighbours(torch.from_numpy(centres), torch.from_numpy(normals), 0.1)
    steps = (near_centres - torch.from_numpy(centres)[:, None]).numpy()
    np.testing.assert_allclose(np.abs(steps[0, :6]).sum(axis=1), 1, atol=1e-9)
    assert len(np.unique(np.round(steps[0, :6]), axis=0)) == 6
    assert not steps[:, 6:].any()
    np.testing.assert_array_equal(near_normals[:, :6], np.broadcast_to(normals[:, None], (3, 6, 3)))
    np.testing.assert_allclose(angles(near_normals[:, 6:].numpy(), normals[:, None]), math.degrees(0.1), rtol=1e-6)
    assert near_normals.shape[1] == 6 + DIRECTIONS
    assert neighbours(torch.from_numpy(centres), torch.from_numpy(normals), 0.0)[0].shape[1] == 6


def test_refinement_finds_poses_that_are_moved_and_tilted() -> None:
    centres, normals = poses(20)
    judged = judge("ssd", shown(centres, normals)[None])
    start = starting(judged, centres + np.array([2, -1, 1]), tilted(normals, 8))
    found = refined(start, judged, [0.1, 0.05, 0.025])
    distance = np.linalg.norm(found.centres[:, 0].numpy() - centres, axis=1)
    assert np.median(distance) < 0.5
    assert np.median(angles(found.normals[:, 0].numpy(), normals)) < 3
    assert (found.scores >= start.scores).all()
    np.testing.assert_allclose(found.scores, judged.scores(found.centres, found.normals, found.turns))


def test_refinement_never_leaves_sections_with_tissue() -> None:
    centres, normals = poses(4)
    judged = judge("ssd", np.zeros((1, 4, GRID.section, GRID.section), np.float32), tissue_only=True)
    found = refined(starting(judged, centres, normals), judged, [0.1])
    cores = shown(found.centres[:, 0].numpy(), found.normals[:, 0].numpy()).reshape(4, -1)[:, GRID.core_points.ravel()]
    assert ((cores > 0.05).mean(axis=1) >= 0.5).all()


def test_registration_finds_centres_of_sections_of_reversed_contrast() -> None:
    centres, normals = poses(12)
    errors, mattes = [], Mattes(VOLUME, GRID)
    for pixels, centre, normal, start in zip(shown(centres, normals), centres, normals, tilted(normals, 6), strict=True):
        found, upwards = mattes.registered(0.8 - 0.5 * pixels, centre + np.array([1, -1, 0]), start)  # reversed contrast
        errors.append((np.linalg.norm(found - centre), angles(upwards, normal)))
    distance, angle = np.median(errors, axis=0)
    assert distance < 1.0  # sqrt(2) before
    assert angle < 7  # 6 before: that of a single section is hardly determined, but must not drift


def test_a_section_that_is_equal_throughout_keeps_its_pose() -> None:
    centres, normals = poses(1)
    centre, normal = Mattes(VOLUME, GRID).registered(np.full((GRID.section,) * 2, 0.5, np.float32), centres[0], normals[0])
    np.testing.assert_allclose(centre, centres[0])
    np.testing.assert_allclose(normal, normals[0])


@pytest.mark.parametrize("mirrored", [False, True])
def test_turned_queries_undo_the_rotation_of_damaged_sections(mirrored: bool) -> None:
    centres, normals = poses(5)
    points, a, b = section_points(centres, normals, GRID), *(np.tile(offset, (5, 1)) for offset in GRID.offsets)
    record = {"angle": np.full(5, math.radians(20)), "mirrored": np.full(5, mirrored)}
    damaged = Rotation(20, float(mirrored)).apply(Damaged(GRID, a, b, np.zeros_like(a), np.ones_like(a)), record)
    index = np.zeros(5, np.int64)
    pixels = sample(VOLUME[None], index, points, displacement(damaged, a, b, normals)).reshape(5, GRID.section, GRID.section)
    every = turned(torch.from_numpy(pixels.astype(np.float32)), (0.0, 20.0, -20.0), mirrored=True)
    middle = slice(GRID.section // 4, -(GRID.section // 4))
    errors = abs(every.numpy() - shown(centres, normals))[:, :, middle, middle].mean(axis=(1, 2, 3))
    assert errors.argmin() == (4 if mirrored else 1)
    assert errors.min() < 0.02
    np.testing.assert_array_equal(every[0], pixels.astype(np.float32))
