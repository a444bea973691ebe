"""A scan has the same content at the same place, whatever its format, axis order and voxel size; bad scans are refused."""

from itertools import permutations, product
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk

from atombench.errors import DataError
from atombench.locating import scan as scan_module
from atombench.locating.scan import Scan, read_scan
from atombench.volumes.dicom import read_series
from tests.volumes.on_disk import save_dicom

SHAPE, SPACING, ORIGIN = (10, 12, 14), np.array([2.0, 1.5, 1.0]), np.array([-30.0, 5.0, 11.0])
CORNER = (2, 3, 11)


def marked() -> tuple[np.ndarray, np.ndarray]:
    """Return voxels with one bright corner, along right, anterior, superior, and their affine."""
    voxels = np.zeros(SHAPE, np.float32)
    voxels[CORNER] = 1
    affine = np.diag([*SPACING, 1.0])
    affine[:3, 3] = ORIGIN
    return voxels, affine


def place_of_mark(scan: Scan) -> np.ndarray:
    return scan.to_mm(np.argwhere(scan.voxels == 1).astype(float))[0]


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("flips", list(product([1, -1], repeat=3)))
def test_a_mark_has_the_same_place_in_all_axis_orientations(
    order: tuple[int, ...], flips: tuple[int, ...], tmp_path: Path
) -> None:
    voxels, affine = marked()
    stored = nibabel.Nifti1Image(voxels, affine).as_reoriented(np.array(list(zip(np.argsort(order), flips, strict=True))))
    nibabel.save(stored, tmp_path / "scan.nii.gz")
    scan = read_scan(tmp_path / "scan.nii.gz")
    assert scan.voxels.shape == tuple(SHAPE[axis] for axis in order)
    np.testing.assert_allclose(place_of_mark(scan), ORIGIN + SPACING * CORNER, atol=1e-5)
    np.testing.assert_allclose(sorted(scan.spacing), sorted(SPACING), atol=1e-6)
    np.testing.assert_allclose(scan.to_voxels(place_of_mark(scan)), np.argwhere(scan.voxels == 1)[0], atol=1e-4)


@pytest.mark.parametrize("name", ["scan.nrrd", "scan.mha", "scan.nii"])
def test_formats_agree(name: str, tmp_path: Path) -> None:
    voxels, affine = marked()
    nibabel.save(nibabel.Nifti1Image(voxels, affine), tmp_path / "scan.nii.gz")
    sitk.WriteImage(sitk.ReadImage(str(tmp_path / "scan.nii.gz")), str(tmp_path / name))
    scan = read_scan(tmp_path / name)
    np.testing.assert_array_equal(scan.voxels, voxels)
    np.testing.assert_allclose(scan.affine, affine, atol=1e-6)


def test_lengths_in_metres_are_converted(tmp_path: Path) -> None:
    voxels, affine = marked()
    image = nibabel.Nifti1Image(voxels, np.diag([1e-3, 1e-3, 1e-3, 1]) @ affine)
    image.header.set_xyzt_units("meter")
    nibabel.save(image, tmp_path / "scan.nii")
    np.testing.assert_allclose(read_scan(tmp_path / "scan.nii").affine, affine, atol=1e-5)


@pytest.mark.parametrize(
    ("voxels", "spacing", "message"),
    [
        (np.ones((10, 10, 10), np.float32), 1.0, "same value everywhere"),
        (np.random.default_rng(0).random((10, 10, 10, 5), dtype=np.float32), 1.0, "4 dimensions"),
        (np.random.default_rng(0).random((10, 10, 2), dtype=np.float32), 1.0, "at least 8 along each axis"),
        (np.random.default_rng(0).random((10, 10, 10), dtype=np.float32), 1000.0, "unit of length seems to be wrong"),
        (np.random.default_rng(0).random((10, 10, 10), dtype=np.float32), 0.001, "unit of length seems to be wrong"),
        (np.zeros((10, 10, 10), [("R", "u1"), ("G", "u1"), ("B", "u1")]), 1.0, "expected real numbers"),
    ],
)
def test_bad_volumes_are_refused(voxels: np.ndarray, spacing: float, message: str, tmp_path: Path) -> None:
    nibabel.save(nibabel.Nifti1Image(voxels, np.diag([spacing, spacing, spacing, 1])), tmp_path / "scan.nii")
    with pytest.raises(DataError, match=message):
        read_scan(tmp_path / "scan.nii")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("scan.nii", b"no image", "cannot be read"),
        ("scan.nii.gz", b"no image", "cannot be read"),
        ("scan.nrrd", b"no image", "cannot be read"),
        ("scan.xyz", b"", "unknown type"),
        ("absent/scan.nii", None, "does not exist"),
    ],
)
def test_unreadable_files_are_refused(name: str, content: bytes | None, message: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_scan(tmp_path / name)


def test_a_vector_image_is_refused(tmp_path: Path) -> None:
    sitk.WriteImage(sitk.Image([10, 10, 10], sitk.sitkVectorFloat32, 3), str(tmp_path / "scan.mha"))
    with pytest.raises(DataError, match="3 values per voxel"):
        read_scan(tmp_path / "scan.mha")


def test_voxels_of_a_dicom_series_are_counted_as_stored(tmp_path: Path) -> None:
    array = np.zeros((10, 12, 14), np.int16)
    array[2, 3, 5] = 1
    save_dicom(tmp_path / "series", array)
    scan = read_scan(tmp_path / "series")
    assert np.argwhere(scan.voxels == 1).tolist() == [[7, 8, 5]]  # columns run to the left, rows to the back
    image = read_series(sorted((tmp_path / "series").iterdir()))
    (expected,) = np.argwhere(image.voxels == 1) @ image.affine[:3, :3].T + image.affine[:3, 3]
    np.testing.assert_allclose(place_of_mark(scan), expected)


def test_a_folder_without_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no files, expected one DICOM series"):
        read_scan(tmp_path)


def test_a_name_that_is_too_long_is_refused() -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_scan(Path("x" * 300 + ".nii"))


def test_voxels_that_are_no_numbers_become_background() -> None:
    voxels = np.full((10, 10, 10), 5, np.float32)
    voxels[0], voxels[5, 5, 5] = np.nan, -7
    scan = scan_module._checked(voxels, np.eye(4), Path("scan"))
    assert (scan.voxels[0] == -7).all()
    assert scan.background == -7
