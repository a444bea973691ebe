"""A section is located in a scan; sections of one block help each other."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import atombench
from atombench.errors import ConfigError, DataError
from atombench.locating import find, levels, search
from atombench.locating.choices import Choices
from atombench.locating.planes import Planes
from atombench.locating.region import Region
from atombench.locating.scan import Scan
from atombench.locating.section_image import SectionImage
from tests.locating.naive import SPACING, cut, organ, pose_in, save_png, save_scan


@pytest.fixture(autouse=True)
def few_candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refine fewer poses than usual, which is faster."""
    monkeypatch.setattr(search, "KEPT", (800, 40, *[6] * 6))
    monkeypatch.setattr(levels, "FEWEST", 6)


def image(pixels: np.ndarray) -> SectionImage:
    return SectionImage(pixels, np.full(2, SPACING), False, Path("slide.png"))


def test_a_section_is_located_from_files(tmp_path: Path) -> None:
    scan = organ()
    true = pose_in(scan, 1)
    files = save_scan(scan, tmp_path / "scan.nii.gz"), save_png(cut(scan, true), tmp_path / "slide.png")
    found = atombench.locate(*files, mm_per_pixel=SPACING)
    assert np.linalg.norm(found.centre_mm - true.centres[0]) < 1
    assert found.probability == found.probabilities.max()
    assert found.probabilities.sum() < 1
    assert (found.method, found.similarity) == ("search", "absolute-ncc")
    np.testing.assert_allclose(found.scan.to_voxels(found.centre_mm), found.centre_voxel)


def test_a_region_without_the_place_excludes_it() -> None:
    scan = organ()
    true = pose_in(scan, 1)
    side = f"-200 {true.centres[0, 0] - 12:.0f}"
    found = find.locate(scan, image(cut(scan, true)), region=Region.read_box(f"{side} -200 200 -200 200"))
    assert (found.planes.centres[:, 0] <= true.centres[0, 0] - 11.4).all()


def test_a_small_box_or_mask_between_voxels_is_enough() -> None:
    scan = organ()
    true = pose_in(scan, 1)
    box = Region(true.centres[0] - 1, true.centres[0] + 1)
    voxels = np.zeros((9, 9, 9), np.float32)
    voxels[3:6, 3:6, 3:6] = 1
    affine = np.eye(4)
    affine[:3, 3] = true.centres[0] - 4
    mask = Region(np.full(3, -np.inf), np.full(3, np.inf), Scan(voxels, affine, Path("mask")))
    for region in (box, mask):
        found = find.locate(scan, image(cut(scan, true)), region=region)
        assert region.contains(found.planes.centres).all()
        assert np.linalg.norm(found.centre_mm - true.centres[0]) < 1


def test_an_unclear_section_is_found_with_its_neighbours() -> None:
    scan = organ()
    true = pose_in(scan, 4)
    sections = []
    for step in range(3):
        pose = replace(true, centres=true.centres + 3.0 * step * true.axes[:, :, 2])
        sections.append((pose, cut(scan, pose)))
    noise = np.random.default_rng(0).normal(size=sections[1][1].shape)
    unclear = (sections[1][1] + 0.45 * noise).astype(np.float32)  # of the size of the organ's own texture
    alone = find.locate(scan, image(unclear))
    located = find.locate_block(scan, [image(sections[0][1]), image(unclear), image(sections[2][1])], spacing=3.0)
    for (pose, _), location in zip(sections, located, strict=True):
        assert np.linalg.norm(location.centre_mm - pose.centres[0]) < 4
    assert located[1].probability > alone.probability
    assert len(located[1].planes) <= 12


def test_sections_without_known_spacing_support_each_other_if_parallel() -> None:
    scan = organ()
    true = pose_in(scan, 4)
    sections = [cut(scan, replace(true, centres=true.centres + step * true.axes[:, :, 2])) for step in (0.0, 7.0)]
    alone = [find.locate(scan, image(section)) for section in sections]
    together = find.locate_block(scan, [image(section) for section in sections])
    for one, both in zip(alone, together, strict=True):
        assert both.probability >= one.probability - 1e-6
        np.testing.assert_allclose(both.centre_mm, one.centre_mm)


def test_a_single_section_of_a_block_is_located_alone() -> None:
    scan = organ()
    section = image(cut(scan, pose_in(scan, 4)))
    alone = find.locate(scan, section)
    for spacing in (None, 3.0):
        (only,) = find.locate_block(scan, [section], spacing=spacing)
        np.testing.assert_allclose(only.probabilities, alone.probabilities)
    with pytest.raises(DataError, match="expected at least one section"):
        find.locate_block(scan, [])


def test_predicted_poses_stay_in_the_region() -> None:
    scan = organ()
    true = pose_in(scan, 4)
    poses = [replace(true, centres=true.centres + step * true.axes[:, :, 2]) for step in (0.0, 8.0)]
    sections = [image(cut(scan, pose)) for pose in poses]
    centres = np.concatenate([pose.centres for pose in poses])
    low, high = centres.min(axis=0) - 4, centres.max(axis=0) + 4
    for location in find.locate_block(scan, sections, spacing=8.0, region=Region(low, high)):
        assert Region(low, high).contains(location.planes.centres).all()
        assert location.probabilities.sum() < 1
        assert "the support by other sections was not calibrated" in location.calibrated_on


@pytest.mark.parametrize("spacing", [0.0, -1.0, float("nan"), float("inf")])
def test_a_spacing_that_is_none_is_refused(spacing: float) -> None:
    with pytest.raises(DataError, match="a spacing of more than 0 mm"):
        find.locate_block(organ(), [image(np.eye(16, dtype=np.float32))], spacing=spacing)


def test_unknown_names_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"no method 'magic' for locate; choose one of search, locus"):
        Choices(method="magic")
    with pytest.raises(ConfigError, match="the method search uses no weights"):
        Choices(weights=Path("weights.safetensors"))


def test_joined_poses_keep_their_order() -> None:
    first, second = pose_in(organ(), 0), pose_in(organ(), 1)
    joined = Planes.joined([first, second])
    np.testing.assert_array_equal(joined.centres, np.concatenate([first.centres, second.centres]))
