"""The affine of a curated volume: a voxel stays at its point in the world, whatever the reader."""

from pathlib import Path

import nibabel
import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial.transform import Rotation

from atombench.volumes import caps, dicom, medmnist, mni_subjects, nifti
from atombench.volumes.curate import curate
from atombench.volumes.image import Image
from atombench.volumes.raw_volume import RawVolume
from atombench.volumes.registry import find_row
from atombench.volumes.volume_set import VolumeSet
from tests.conftest import ROOT, textured
from tests.volumes.building import bids, clinica, curated, plain, scanner
from tests.volumes.on_disk import SHAPE, SPACING, affine, brains, save_dicom, save_nifti, save_tensor

SOURCE = (39, 20, 58)  # 20 voxels along each axis are every second, every and every third voxel of these
TURN = Rotation.from_euler("xyz", [12, -7, 5], degrees=True).as_matrix()


def world(matrix: np.ndarray, voxel: tuple[int, ...]) -> np.ndarray:
    return (matrix @ np.array([*voxel, 1.0]))[:3]


def marked(voxel: tuple[int, int, int], shape: tuple[int, ...] = SOURCE) -> np.ndarray:
    array = np.zeros(shape)
    array[voxel] = 1.0
    return array


def curated_image(image: Image) -> tuple[tuple[int, ...], np.ndarray]:
    """Brightest voxel and affine after curation to 20 voxels along each axis."""
    volume = RawVolume("a", "a", "", "train", image.voxels, image.spacing, affine=image.affine)
    volumes = curate("toy", [volume], 20)
    place = np.unravel_index(volumes.volumes[0].argmax(), (20, 20, 20))
    np.testing.assert_allclose(nibabel.affines.voxel_sizes(volumes.affines[0]), volumes.spacing[0])
    return tuple(int(index) for index in place), volumes.affines[0]


@pytest.mark.parametrize("orientation", ["RAS", "LPS", "RPI", "SAL", "PIR"])
@pytest.mark.parametrize("voxel", [(0, 0, 0), (38, 19, 57), (10, 7, 27)])
@pytest.mark.parametrize(("units", "mm"), [("mm", 1.0), ("micron", 0.001)])
def test_a_marked_voxel_stays_at_its_point_in_the_world(
    orientation: str, voxel: tuple[int, int, int], units: str, mm: float, tmp_path: Path
) -> None:
    matrix = affine(SPACING)
    matrix[:3, :3] = TURN @ matrix[:3, :3] / mm
    codes = nibabel.orientations
    turn = codes.ornt_transform(codes.axcodes2ornt("RAS"), codes.axcodes2ornt(orientation))
    image = nibabel.Nifti1Image(marked(voxel), matrix).as_reoriented(turn)
    image.header.set_xyzt_units(units)
    nibabel.save(image, tmp_path / "i.nii")
    written = nibabel.load(tmp_path / "i.nii")
    brightest = np.unravel_index(np.asarray(written.dataobj).argmax(), written.shape)
    before = mm * world(written.affine, brightest)
    place, after = curated_image(nifti.read_image(tmp_path / "i.nii"))
    assert place == (voxel[0] // 2, voxel[1], voxel[2] // 3)
    np.testing.assert_allclose(world(after, place), before, atol=1e-4)  # a NIfTI header holds float32


@pytest.mark.parametrize("turn", [np.eye(3), TURN, TURN @ np.diag([-1.0, 1.0, -1.0])])
def test_a_dicom_voxel_lies_where_position_and_orientation_say(turn: np.ndarray, tmp_path: Path) -> None:
    """The oracle is DICOM's own formula (PS3.3, C.7.6.2.1.1), in left, posterior, superior."""
    index, origin = (3, 5, 7), np.array([-40.0, 25.0, 60.0])
    array = marked((SHAPE[0] - 1 - index[0], SHAPE[1] - 1 - index[1], index[2]), SHAPE).astype(np.int16)  # written reversed
    save_dicom(tmp_path / "s", array, turn=turn, origin=tuple(origin))
    left, posterior, superior = origin + turn @ (np.array(SPACING) * index)
    image = dicom.read_series(sorted((tmp_path / "s").iterdir()))
    assert image.affine is not None
    brightest = np.unravel_index(image.voxels.argmax(), image.voxels.shape)
    np.testing.assert_allclose(world(image.affine, brightest), [-left, -posterior, superior], atol=1e-4)
    assert (np.diag(image.affine)[:3] > 0).all()  # ordered right, anterior, superior


@pytest.mark.parametrize("build", [plain, bids, clinica, scanner])
def test_every_kind_of_collection_keeps_the_affine(build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    volumes = curated(build(tmp_path / "mine"), tmp_path, monkeypatch)
    spacing = (1.0, 1.0, 1.0) if build is clinica else SPACING
    corner = [-2.0 * (SHAPE[0] - 1), -3.0 * (SHAPE[1] - 1), 0.0] if build is scanner else affine()[:3, 3]
    last = np.array(corner) + np.array(spacing) * (np.array(SHAPE) - 1)
    for matrix in volumes.affines:
        np.testing.assert_allclose(world(matrix, (0, 0, 0)), corner, atol=1e-6)
        np.testing.assert_allclose(world(matrix, (19, 19, 19)), last, atol=1e-6)


def test_tensors_and_medmnist_have_no_affine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_tensor(tmp_path / "s_res-1x1x1_T1w.pt", brains(1)[0])
    assert caps.read_tensor(tmp_path / "s_res-1x1x1_T1w.pt").affine is None
    arrays = {
        f"{split}_{part}": np.zeros((1, 28, 28, 28) if part == "images" else (1, 1), np.uint8)
        for split in ("train", "val", "test")
        for part in ("images", "labels")
    }
    np.savez(tmp_path / "v.npz", **arrays)
    info = {"vesselmnist3d": {"n_samples": {"train": 1, "val": 1, "test": 1}, "label": {"0": "vessel"}}}
    monkeypatch.setattr(medmnist, "package_info", lambda: info)
    row = find_row("vesselmnist3d", ROOT / "config/datasets.yaml")
    assert {volume.affine is None for volume in medmnist.read(row, {"v": tmp_path / "v.npz"})} == {True}
    unknown = curate("toy", [RawVolume("a", "a", "", "train", textured(1)[0].astype(float), np.full(3, np.nan))], 20)
    assert np.isnan(unknown.affines).all()
    assert unknown.index().affines == unknown.index().spacing == (None,)


def test_the_embedded_subjects_lie_where_the_template_lies(mni: VolumeSet) -> None:
    """At the world point of a voxel of the grid, the template has about the same intensity (the grid is smoothed)."""
    row = find_row("mni-subjects", ROOT / "config/datasets.yaml")
    (source,) = mni_subjects.sources(row)
    path = Path(str(source.folder)) / source.name
    template, grid = nibabel.load(path), mni_subjects.centred_template(path)
    assert grid.affine is not None
    places = np.stack(np.meshgrid(*(np.arange(0, 64, 3),) * 3, indexing="ij")).reshape(3, -1)
    voxels = nibabel.affines.apply_affine(np.linalg.inv(template.affine) @ grid.affine, places.T).T
    expected = ndimage.map_coordinates(template.get_fdata(), voxels, order=1)
    assert np.corrcoef(expected, grid.voxels[tuple(places)])[0, 1] > 0.97
    np.testing.assert_allclose(mni.affines, np.tile(grid.affine @ np.diag([63 / 19] * 3 + [1]), (160, 1, 1)))


def test_an_image_on_disk_keeps_the_affine_of_its_header(tmp_path: Path) -> None:
    save_nifti(tmp_path / "i.nii.gz", brains(1)[0], "LPI")
    np.testing.assert_allclose(nifti.read_image(tmp_path / "i.nii.gz").affine, affine(), atol=1e-6)
