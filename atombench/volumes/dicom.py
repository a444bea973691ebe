"""DICOM series, one folder per subject, read with SimpleITK."""

from __future__ import annotations

import locale
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atombench.errors import DataError
from atombench.volumes.collection import Collection
from atombench.volumes.image import Image
from atombench.volumes.nifti import in_ras
from atombench.volumes.patterns import fitting, key_of_name
from atombench.volumes.registry import DicomRow

POSITION = "0020|0032"  # ImagePositionPatient
LPS = np.diag([-1.0, -1.0, 1.0, 1.0])  # between ITK's axes (left, posterior, superior) and nibabel's
TILT = 0.5  # degrees
UNEVEN = 0.01  # tolerated variation of the distance between slices, as a share of it


def _find(row: DicomRow, folder: Path) -> list[str]:
    """Return every file below the subjects' folders; links are followed."""
    subjects = [path for path in fitting(row.images, folder) if path.is_dir()]
    files = (Path(top) / name for subject in subjects for top, _, names in os.walk(subject, followlinks=True) for name in names)
    return sorted(path.relative_to(folder).as_posix() for path in files if path.is_file())


def _key(row: DicomRow, name: str) -> tuple[str, str] | None:
    for parent in Path(name).parents:
        if key := key_of_name(row.images, parent.as_posix()):
            return key
    return None


def _load(row: DicomRow, paths: list[Path]) -> Image:
    return read_series(paths)


def read_series(paths: list[Path]) -> Image:
    """Read the only series among these files, with axes ordered right, anterior, superior; see `stored_series`."""
    import nibabel

    array, affine = stored_series(paths)
    return in_ras(nibabel.Nifti1Image(array.astype(np.float64), affine))


def stored_series(paths: list[Path]) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Read the only series among these files: voxels by column, row and slice, and the affine to mm in scanner space.

    Raises:
        DataError: there is no series or more than one, a slice is missing or has no position, or SimpleITK cannot read the
            series as a volume of real numbers.
    """
    import SimpleITK as sitk

    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    where = Path(os.path.commonpath([path.parent for path in paths]))
    with keeping_locale():
        names = _one_series(paths, where)
        reader = sitk.ImageSeriesReader()
        reader.SetFileNames(names)
        reader.MetaDataDictionaryArrayUpdateOn()
        try:
            image = reader.Execute()
            _check(reader, image, where)
            return from_itk(image)
        except (RuntimeError, ValueError) as error:
            msg = f"{where} cannot be read as a DICOM series: {str(error).strip().splitlines()[-1]}"
            raise DataError(msg) from error


@contextmanager
def keeping_locale() -> Iterator[None]:
    """Restore the locale afterwards: DICOM code in ITK sets it to C, and files would then be read as ASCII."""
    before = locale.setlocale(locale.LC_ALL)
    try:
        yield
    finally:
        locale.setlocale(locale.LC_ALL, before)


def _one_series(paths: list[Path], where: Path) -> list[str]:
    """Return the files of the only series among these, in the order of its slices."""
    import SimpleITK as sitk

    names = sitk.ImageSeriesReader
    series = [
        (folder, identity)
        for folder in sorted({path.parent for path in paths})
        for identity in names.GetGDCMSeriesIDs(str(folder))
    ]
    if len(series) != 1:
        msg = f"{where} holds {len(series)} DICOM series in {len(paths)} files, expected one"
        raise DataError(msg)
    slices = list(names.GetGDCMSeriesFileNames(str(series[0][0]), series[0][1]))
    if added := sorted({Path(name) for name in slices} - set(paths)):
        msg = f"{added[0]} was added to the series after it was fetched; fetch the dataset again"
        raise DataError(msg)
    return slices


def _check(reader: Any, image: Any, where: Path) -> None:
    """Raise DataError unless the series is one volume of real numbers with evenly spaced slices."""
    if image.GetNumberOfComponentsPerPixel() != 1 or image.GetDimension() != 3:
        shape = f"{image.GetDimension()} dimensions and {image.GetNumberOfComponentsPerPixel()} values per voxel"
        msg = f"{where} has {shape}, expected 3 and 1"
        raise DataError(msg)
    slices = range(len(reader.GetFileNames()))
    positions = [_position(reader, number) for number in slices]
    if missing := sum(position is None for position in positions):
        msg = f"{where}: {missing} of {len(slices)} slices have no position (ImagePositionPatient)"
        raise DataError(msg)
    normal = np.array(image.GetDirection()).reshape(3, 3)[:, 2]
    steps = np.diff(np.array(positions, dtype=np.float64) @ normal)
    if len(steps) and (not np.median(steps) or np.ptp(steps) > UNEVEN * abs(np.median(steps))):
        msg = f"{where} has slices {abs(steps).min():g} to {abs(steps).max():g} mm apart; some are missing or duplicated"
        raise DataError(msg)
    if (tilt := _gantry_tilt(np.array(positions, dtype=np.float64), normal)) > TILT:
        msg = (
            f"{where} was taken with a tilted gantry ({tilt:.1f} degrees), so that its slices are displaced; correct that first"
        )
        raise DataError(msg)


def _gantry_tilt(positions: NDArray[np.float64], normal: NDArray[np.float64]) -> float:
    """Return the angle in degrees between the line of the slices' positions (N, 3) and the normal of the slices."""
    line = positions[-1] - positions[0]
    along = abs(float(line @ normal))
    return float(np.degrees(np.arctan2(np.sqrt(max(float(line @ line) - along**2, 0.0)), along))) if along else 0.0


def _position(reader: Any, number: int) -> list[float] | None:
    if not reader.HasMetaDataKey(number, POSITION):
        return None
    try:
        position = [float(part) for part in reader.GetMetaData(number, POSITION).split("\\")]
    except ValueError:
        return None
    return position if len(position) == 3 and np.isfinite(position).all() else None


def from_itk(image: Any) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Return the voxels of an image of SimpleITK, and the affine to nibabel's scanner space (right, anterior, superior)."""
    import SimpleITK as sitk

    affine = np.eye(4)
    affine[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())
    affine[:3, 3] = image.GetOrigin()
    return sitk.GetArrayFromImage(image).T, LPS @ affine


_COLLECTION = Collection(_find, _key, _load, many_files=True)
sources, counts, read = _COLLECTION.sources, _COLLECTION.counts, _COLLECTION.read
