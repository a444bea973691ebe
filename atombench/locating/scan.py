"""The scan in which a section is located: NIfTI, NRRD, MetaImage, or a folder with one DICOM series."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from stat import S_ISDIR
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atombench.errors import DataError
from atombench.volumes.dicom import from_itk, stored_series
from atombench.volumes.nifti import nifti_errors, opened

NIFTI = (".nii", ".nii.gz", ".hdr", ".img", ".mgz", ".mgh")
OTHER = (".nrrd", ".nhdr", ".mha", ".mhd")
LEAST = 8  # voxels along each axis
AIR = -1024.0  # Hounsfield units; lower values of a scan with negative values are padding
LONGEST = 2000.0  # mm; a longer scan has another unit than it says
SHORTEST = 1.0  # mm


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

    @cached_property
    def background(self) -> float:
        """Value of what surrounds the organ, which also lies outside the scan: the lowest one, or that of air."""
        return max(float(self.voxels.min()), AIR)

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
    name = path.name.lower()
    if is_folder(path):
        voxels, affine = stored_series(_files_in(path))
    elif name.endswith(NIFTI):
        voxels, affine = _nifti(path)
    elif name.endswith(OTHER):
        voxels, affine = _itk(path)
    else:
        msg = f"{path} has an unknown type; expected {', '.join((*NIFTI, *OTHER))}, or a folder with one DICOM series"
        raise DataError(msg)
    return _checked(voxels, affine, path)


def is_folder(path: Path) -> bool:
    """Return whether a path is a folder rather than a file.

    Raises:
        DataError: it does not exist, or must not be read.
    """
    try:
        return S_ISDIR(path.stat().st_mode)
    except FileNotFoundError as error:
        msg = f"{path} does not exist"
        raise DataError(msg) from error
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}"
        raise DataError(msg) from error


def _files_in(folder: Path) -> list[Path]:
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    if not files:
        msg = f"{folder} holds no files, expected one DICOM series"
        raise DataError(msg)
    return files


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
    return from_itk(image)


def _checked(voxels: NDArray[Any], affine: NDArray[np.float64] | None, path: Path) -> Scan:
    """Check that this is a volume of a plausible size with different values.

    Raises:
        DataError: it is not; the message says what was found.
    """
    if affine is None or not np.isfinite(affine).all() or abs(np.linalg.det(affine)) < 1e-12:
        msg = f"{path} does not say where its voxels lie (its affine is {affine})"
        raise DataError(msg)
    known = np.asarray(voxels, np.float32)
    if not (finite := np.isfinite(known)).all():
        known = np.where(finite, known, known[finite].min() if finite.any() else 0)
    scan = Scan(known, affine, path)
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
