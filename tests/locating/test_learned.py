"""Candidates by learned similarity are those of the network, in the terms of the scan."""

from pathlib import Path

import numpy as np
import pytest

from atombench.engine.weights import Origin, load_bundle, save_bundle
from atombench.errors import DataError
from atombench.locating import candidates, find
from atombench.locating.learned import Cube, Learned, check_covers, learned_planes, scaled, section_axes, turned_pixels
from atombench.locating.planes import Planes
from atombench.locating.region import organ_mask
from atombench.locating.scan import Scan
from atombench.locating.section_image import SectionImage
from atombench.tasks.atom.geometry import BlockGrid, plane
from tests.locating.naive import SPACING, cut, organ, pose_in

ONE = np.ones(1)


def image(pixels: np.ndarray, pixel: float = SPACING) -> SectionImage:
    return SectionImage(pixels, np.full(2, pixel), False, Path("slide.png"))


def cube_of(scan: Scan, edge: int = 40) -> Cube:
    """Return the cube about the organ of a scan whose axes are flipped only."""
    voxels = scan.voxels[::-1]
    return Cube.of(scan, organ_mask(voxels), scan.to_mm(np.array([len(voxels) - 1.0, 0, 0])), SPACING, edge)


def test_the_cube_shows_the_organ_in_its_middle_and_nothing_else() -> None:
    scan = organ()
    cube = cube_of(scan)
    where = np.argwhere(cube.voxels > 0)
    middle = scan.to_mm((np.array(scan.voxels.shape) - 1) / 2)
    np.testing.assert_allclose(cube.to_mm((where.min(axis=0) + where.max(axis=0)) / 2), middle, atol=cube.spacing)
    assert np.ptp(where, axis=0).max() / 40 == pytest.approx(1 / 1.13, abs=0.06)
    point = np.array([21, 17, 24])
    voxel = np.round(scan.to_voxels(cube.to_mm(point.astype(float)))).astype(int)
    expected = scaled(scan.voxels)[tuple(voxel)]
    assert cube.voxels[tuple(point)] == pytest.approx(expected, abs=0.15)
    assert cube.voxels.max() == 1


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("angle", [0.0, 0.7, 2.5, -1.2])
def test_a_section_that_is_turned_to_the_frame_of_its_normal_has_the_axes_of_its_pose(angle: float, mirrored: bool) -> None:
    scan = organ()
    normal = np.array([[0.3, -0.5, 0.8]])
    columns, rows = (plane(normal, offsets)[0, :, 0] for offsets in ((ONE, 0 * ONE), (0 * ONE, ONE)))
    upright = Planes(pose_in(scan).centres, np.stack([columns, rows, np.cross(columns, rows)], axis=1)[None], np.zeros(1))
    axes = section_axes(normal, np.array([angle]), np.array([mirrored]))
    seen = cut(scan, Planes(upright.centres, axes, np.zeros(1)), 48)
    turned = turned_pixels(image(seen), angle, 16, SPACING)
    expected = scaled(cut(scan, upright, 32))
    np.testing.assert_allclose(turned[:, ::-1] if mirrored else turned, expected, atol=0.2)
    assert np.abs((turned[:, ::-1] if mirrored else turned) - expected).mean() < 0.03
    np.testing.assert_allclose(axes[0].T @ axes[0], np.eye(3), atol=1e-12)
    assert np.linalg.det(axes[0]) == pytest.approx(1)


def test_published_weights_score_poses_all_over_the_organ() -> None:
    scan = organ()
    planes, shares = learned_planes(cube_of(scan), image(cut(scan, pose_in(scan), 32)), Learned.published(BlockGrid(2)), 1)
    assert np.exp(shares).sum() == pytest.approx(1)
    assert len(planes) == len(shares) == 48 * 64
    middle = scan.to_mm((np.array(scan.voxels.shape) - 1) / 2)
    assert (np.linalg.norm(planes.centres - middle, axis=1) < 48).all()
    assert (np.linalg.det(planes.axes) > 0.99).all()


def test_poses_by_features_end_in_the_region_and_are_moved_by_similarity(monkeypatch: pytest.MonkeyPatch) -> None:
    scan = organ()
    true = pose_in(scan)
    offset = np.array([[2.0, -1.5, 1.0]])
    poses = Planes(np.concatenate([true.centres + offset, true.centres + 30]), np.repeat(true.axes, 2, axis=0), np.zeros(2))
    monkeypatch.setattr(candidates, "learned_planes", lambda *_: (poses, np.log([0.4, 0.6])))
    found = find.locate(scan, image(cut(scan, true)), method="locus")
    assert np.linalg.norm(found.centre_mm - true.centres[0]) < 0.5
    assert found.method == "locus"


def test_a_section_must_cover_most_of_what_the_network_sees() -> None:
    check_covers(image(np.zeros((20, 40)), 2.0), 4.8, BlockGrid(2))
    with pytest.raises(
        DataError, match=r"is 40 mm wide; the method locus needs at least 53\.8 mm in this scan; use the search"
    ):
        check_covers(image(np.zeros((20, 40)), 2.0), 4.8, BlockGrid(2, 2))


def bundle_of(folder: Path, method: str) -> Path:
    origin = Origin(
        task="atom",
        protocol="1.1",
        method=method,
        options={"views": 1},
        dataset="d",
        board="tissue-none-x2-c2",
        form="f",
        seed=1,
    )
    save_bundle(folder / "weights.safetensors", {"a": np.zeros(2, np.float32)}, origin)
    return folder / "weights.safetensors"


def test_weights_of_a_run_state_their_grid_and_options(tmp_path: Path) -> None:
    path = bundle_of(tmp_path, "locus+long")
    learned = Learned.read(path)
    assert learned.grid == BlockGrid(2, 2)
    assert learned.options == {"views": 1}
    assert dict(learned.weights).keys() == load_bundle(path).weights.keys()
    with pytest.raises(DataError, match="the weights do not match the network"):
        learned_planes(cube_of(organ()), image(np.random.default_rng(0).random((40, 40))), learned, 1)


def test_weights_of_other_methods_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="weights of atom/mcan; locate needs those of locus"):
        Learned.read(bundle_of(tmp_path, "mcan"))
