"""Centres may lie in the organ and in the region; sections that cannot fit are refused."""

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from atombench.errors import DataError
from atombench.locating.levels import levels_of
from atombench.locating.region import Region, allowed_centres, check_sizes, organ_mask
from atombench.locating.scan import Scan
from atombench.locating.section_image import SectionImage
from tests.locating.naive import organ, save_scan


def section_of(side: float, pixels: int = 16) -> SectionImage:
    values = np.random.default_rng(0).random((pixels, pixels), dtype=np.float32)
    return SectionImage(values, np.full(2, side / pixels), False, Path("slide.png"))


def test_the_organ_is_the_large_bright_part_with_its_cavities() -> None:
    volume = np.zeros((20, 20, 20), np.float32)
    volume[4:16, 4:16, 4:16] = 1
    volume[8:12, 8:12, 8:12] = 0  # a cavity
    expected = np.zeros(volume.shape, bool)
    expected[4:16, 4:16, 4:16] = True
    volume[18, 18, 18] = 1  # a spot
    np.testing.assert_array_equal(organ_mask(volume), expected)


def test_the_background_of_computed_tomography_is_no_organ() -> None:
    """Outside a tilted scan there is air, not water, and the padding of a round field of view is air, too."""
    brain = organ()
    tilted = Rotation.from_euler("xyz", [20, 10, 0], degrees=True).as_matrix()
    affine = brain.affine.copy()
    affine[:3, :3] = tilted @ affine[:3, :3]
    voxels = np.where(brain.voxels > 0, 40, -1000).astype(np.float32)
    voxels[:2] = -3024
    section = section_of(32)
    same = levels_of(Scan((brain.voxels > 0).astype(np.float32), affine, Path("mr")), section.pixels, section.pixel_mm)
    tomography = levels_of(Scan(voxels, affine, Path("ct")), section.pixels, section.pixel_mm)
    for expected, level in zip(same, tomography, strict=True):
        mask = organ_mask(level.volume)
        assert (mask != organ_mask(expected.volume)).mean() < 0.01  # air at -1000 is a little brighter than at -1024
        assert not mask[[0, -1]].any()
        assert level.volume.min() == 0


def test_small_regions_between_the_voxels_are_found(tmp_path: Path) -> None:
    scan, section = organ(), section_of(32)
    level = levels_of(scan, section.pixels, section.pixel_mm)[0]
    middle = scan.to_mm((np.array(scan.voxels.shape) - 1) / 2)
    mask = Scan(np.zeros((20, 20, 20), np.float32), np.diag([1.0, 1, 1, 1]), Path("mask"))
    for shift in np.random.default_rng(0).uniform(-12, 12, (20, 3)):
        low = middle + shift
        box = Region(low - 0.5, low + 0.5)
        mask.voxels[:] = 0
        mask.voxels[10, 10, 10] = 1
        mask.affine[:3, 3] = low - 10
        masked = Region(np.full(3, -np.inf), np.full(3, np.inf), mask)
        for region in (box, masked):
            assert 1 <= allowed_centres(level, region).sum() <= 8


def test_a_section_that_is_too_long_is_refused() -> None:
    strip = SectionImage(np.random.default_rng(0).random((4, 40), dtype=np.float32), np.full(2, 2.0), False, Path("strip.png"))
    with pytest.raises(DataError, match=r"strip\.png measures 80 x 8 mm; one side must not be more than 8 times as long"):
        check_sizes(organ(), strip)


def test_a_region_limits_the_centres() -> None:
    scan, section = organ(), section_of(32)
    level = levels_of(scan, section.pixels, section.pixel_mm)[0]
    everywhere = allowed_centres(level, None)
    box = Region.read_box("-100 0 -100 100 -100 100")
    left = allowed_centres(level, box)
    points = np.argwhere(left) * level.spacing + level.origin
    assert 0 < left.sum() < everywhere.sum()
    assert (points[:, 0] <= level.spacing / 2).all()
    assert not (left & ~everywhere).any()


def test_a_mask_may_have_another_grid(tmp_path: Path) -> None:
    affine = np.diag([0.0, 0, 0, 1])
    affine[[0, 1, 2], [1, 2, 0]] = 3.0, 2.0, -2.5
    affine[:3, 3] = -30, -20, 40
    voxels = np.zeros((20, 22, 24), np.float32)
    voxels[5:9, 6:9, 7:12] = 2
    region = Region.of_mask(save_scan(Scan(voxels, affine, Path("mask")), tmp_path / "mask.nii.gz"))
    inside = np.array([[6, 7, 8], [8.4, 8.4, 11.4]]) @ affine[:3, :3].T + affine[:3, 3]
    outside = np.array([[6, 7, 12.6], [100, 0, 0]]) @ affine[:3, :3].T + affine[:3, 3]
    assert region.contains(inside).all()
    assert not region.contains(outside).any()


@pytest.mark.parametrize("text", ["", "1 2 3", "1 0 0 1 0 1", "a b c d e f", "0 1 0 1 0 nan", "0 inf 0 1 0 1"])
def test_what_is_no_box_is_refused(text: str) -> None:
    with pytest.raises(DataError, match="six numbers in mm"):
        Region.read_box(text)


def test_a_region_beside_the_organ_is_refused() -> None:
    scan, section = organ(), section_of(32)
    level = levels_of(scan, section.pixels, section.pixel_mm)[0]
    with pytest.raises(DataError, match="does not overlap with the organ in the scan, which reaches from"):
        allowed_centres(level, Region.read_box("500 600 0 1 0 1"))


def test_sections_that_cannot_fit_are_refused() -> None:
    scan, large, tiny = organ(), section_of(400), section_of(4)
    with pytest.raises(DataError, match=r"slide.png measures 400 x 400 mm, but the organ .*--mm-per-pixel"):
        check_sizes(scan, large)
    with pytest.raises(DataError, match=r"slide.png measures 4 x 4 mm, less than 3 voxels .*--mm-per-pixel"):
        check_sizes(scan, tiny)
