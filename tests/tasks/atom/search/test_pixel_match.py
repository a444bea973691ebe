"""The best match of pixels: close matches are refined, others are left as they are."""

import numpy as np
import pytest

from atombench.tasks.atom.geometry import BlockGrid
from atombench.tasks.atom.search import pixel_match
from atombench.tasks.atom.search.pixel_match import PixelMatch
from atombench.tasks.atom.search.posterior import Calibration, boxes_of, posterior
from atombench.tasks.atom.sections import cut_sections
from tests.conftest import textured

COUNT = 10


@pytest.mark.parametrize("context", [1, 2])
def test_sections_of_the_volume_are_matched_better_by_refinement_and_others_not_at_all(
    context: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    grid, rng = BlockGrid(2, context), np.random.default_rng(0)
    volume = textured(1, 40)
    centres, normals = rng.integers(14, 26, (COUNT, 3)), rng.normal(size=(COUNT, 3))
    normals *= np.where(normals[:, 2:] < 0, -1, 1)
    index = np.zeros(COUNT, np.int64)
    pixels = cut_sections(volume, index, centres, normals, 2, context=context).pixels.reshape(-1, grid.section, grid.section)
    noise = rng.random((3, grid.section, grid.section), dtype=np.float32)
    queries = np.concatenate([pixels, noise])

    def matched() -> pixel_match.Matches:
        return PixelMatch.of(grid, "uniform", 60, "cpu", 2).best(volume[0], queries)

    refined = matched()
    monkeypatch.setattr(pixel_match, "CLOSE", -1.0)  # so that none is refined
    first = matched()
    assert (refined.differences <= first.differences + 1e-9).all()
    assert refined.differences[:COUNT].mean() < 0.7 * first.differences[:COUNT].mean()
    assert np.median(np.linalg.norm(refined.centres[:COUNT, 0] - centres, axis=1)) < 1
    for name in ("centres", "normals", "evidence", "differences"):
        np.testing.assert_array_equal(getattr(refined, name)[COUNT:], getattr(first, name)[COUNT:])
    assert (np.diff(refined.evidence, axis=1) <= 0).all()
    again = cut_sections(volume, index, refined.centres[:COUNT, 0], refined.normals[:COUNT, 0], 2, context=context).pixels
    difference = np.sqrt(((again.reshape(pixels.shape) - pixels) ** 2).mean(axis=(1, 2)))
    np.testing.assert_allclose(refined.differences[:COUNT], difference, atol=1e-6)


def test_all_volumes_have_as_many_matches_however_few_positions_are_near_tissue() -> None:
    grid, matches = BlockGrid(1), PixelMatch.of(BlockGrid(1), "tissue", 20, "cpu", 1)
    distance = np.linalg.norm(np.stack(np.indices((20,) * 3)) - 9.5, axis=0)
    for radius in (3, 5, 20):
        volume = np.where(distance < radius, textured(1)[0] + 0.5, 0).astype(np.float32)
        centres, normals = np.full((2, 3), 9), np.array([[0.0, 0, 1], [0, 1, 1]])
        pixels = cut_sections(volume[None], np.zeros(2, np.int64), centres, normals, 1).pixels.reshape(2, 4, 4)
        found = matches.best(volume, pixels)
        assert found.evidence.shape == (2, pixel_match.POSES)
        assert np.isfinite(found.evidence[:, 0]).all()
        boxes = boxes_of(found.centres, found.normals, grid)
        assert np.isfinite(posterior(found.evidence, boxes, Calibration(1.0, 0.1, 0.01, 0.0, 0.01))).all()
