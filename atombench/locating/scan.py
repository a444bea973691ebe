"""The scan that a section is sought in: NIfTI, NRRD, MetaImage, or a folder with one DICOM series."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atombench.errors import DataError
from atombench.volumes.dicom import read_series
from atombench.volumes.nifti import nifti_errors, opened

NIFTI = (".nii", ".nii.gz", ".hdr", ".img", ".mgz", ".mgh")
OTHER = (".nrrd", ".nhdr", ".mha", ".mhd")
LEAST = 8  # voxels along each axis
LONGEST = 2000.0  # mm; a longer scan has another unit than it says
SHORTEST = 1.0  # mm
LPS = np.diag(
    [-1.0, -1.0, 1.0, 1.0]
)  # between ITK's axes (left, posterior, superior) and nibabel's (right, anterior, superior)


@dataclass(frozen=True)
class Scan:
    """Voxels as they are stored, and where they lie.

    Attributes:
        voxels: float32 (I, J, K), finite.
        affine: voxel indices to mm in scanner space (right, anterior, superior), float64 (4, 4).
        source: file or folder.
    """

    voxels: NDArray[np.float32]
    affine: NDArray[np.float64]
    source: Path

    @property
    def spacing(self) -> NDArray[np.float64]:
        """Distance of voxels along each axis in mm, (3,)."""
        lengths: NDArray[np.float64] = np.linalg.norm(self.affine[:3, :3], axis=0)
        return lengths

    def to_voxels(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the voxel indices of points in scanner mm, (..., 3) each."""
        inverse = np.linalg.inv(self.affine)
        found: NDArray[np.float64] = points @ inverse[:3, :3].T + inverse[:3, 3]
        return found

    def to_mm(self, indices: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the points in scanner mm of voxel indices, (..., 3) each."""
        found: NDArray[np.float64] = indices @ self.affine[:3, :3].T + self.affine[:3, 3]
        return found


def read_scan(path: Path) -> Scan:
    """Read a scan.

    Raises:
        DataError: the file is missing, cannot be read, or holds something other than one volume of a plausible size.
    """
    if not path.exists():
        msg = f"{path} does not exist"
        raise DataError(msg)
    name = path.name.lower()
    if path.is_dir():
        image = read_series(sorted(file for file in path.rglob("*") if file.is_file()))
        voxels, affine = image.voxels, image.affine
    elif name.endswith(NIFTI):
        voxels, affine = _nifti(path)
    elif name.endswith(OTHER):
        voxels, affine = _itk(path)
    else:
        msg = f"{path} has an unknown type; expected {', '.join((*NIFTI, *OTHER))}, or a folder with one DICOM series"
        raise DataError(msg)
    return _checked(voxels, affine, path)


def _nifti(path: Path) -> tuple[NDArray[Any], NDArray[np.float64]]:
    with nifti_errors(path):
        image, mm = opened(path)
        return np.asarray(image.get_fdata(dtype=np.float32)), np.diag([mm, mm, mm, 1.0]) @ image.affine


def _itk(path: Path) -> tuple[NDArray[Any], NDArray[np.float64]]:
    import SimpleITK as sitk

    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        image = sitk.ReadImage(str(path))
    except RuntimeError as error:
        msg = f"{path} cannot be read: {str(error).strip().splitlines()[-1]}"
        raise DataError(msg) from error
    if image.GetDimension() != 3 or image.GetNumberOfComponentsPerPixel() != 1:
        msg = (
            f"{path} has {image.GetDimension()} dimensions and {image.GetNumberOfComponentsPerPixel()} values per voxel, "
            "expected 3 and 1; choose one volume"
        )
        raise DataError(msg)
    affine = np.eye(4)
    affine[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())
    affine[:3, 3] = image.GetOrigin()
    return sitk.GetArrayFromImage(image).T, LPS @ affine


def _checked(voxels: NDArray[Any], affine: NDArray[np.float64] | None, path: Path) -> Scan:
    """Check that this is a volume of a plausible size with different values.

    Raises:
        DataError: it is not; the message says what was found.
    """
    if affine is None or not np.isfinite(affine).all() or abs(np.linalg.det(affine)) < 1e-12:
        msg = f"{path} does not say where its voxels lie (its affine is {affine})"
        raise DataError(msg)
    scan = Scan(np.nan_to_num(np.asarray(voxels, np.float32), posinf=0, neginf=0), affine, path)
    if min(scan.voxels.shape) < LEAST:
        msg = f"{path} has {scan.voxels.shape} voxels, expected at least {LEAST} along each axis"
        raise DataError(msg)
    lengths = scan.spacing * scan.voxels.shape
    if lengths.max() > LONGEST or lengths.max() < SHORTEST:
        size = " x ".join(f"{length:.4g}" for length in lengths)
        msg = f"{path} measures {size} mm; its unit of length seems to be wrong (expected {SHORTEST:g} to {LONGEST:g} mm)"
        raise DataError(msg)
    if not np.ptp(scan.voxels):
        msg = f"{path} has the same value everywhere"
        raise DataError(msg)
    return scan
