"""DICOM series, one folder per subject, read by SimpleITK."""

from __future__ import annotations

import locale
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from atombench.errors import DataError
from atombench.volumes.collection import Collection, Image
from atombench.volumes.nifti import in_ras
from atombench.volumes.patterns import fitting, key_of_name
from atombench.volumes.registry import DicomRow

POSITION = "0020|0032"  # ImagePositionPatient
UNEVEN = 0.01  # of the distance between slices


def _find(row: DicomRow, folder: Path) -> list[str]:
    """Every file below a subject's folder, linked ones too."""
    tops = [path for path in fitting(row.images, folder) if path.is_dir()]
    found = (Path(top) / name for place in tops for top, _, names in os.walk(place, followlinks=True) for name in names)
    return sorted(path.relative_to(folder).as_posix() for path in found if path.is_file())


def _key(row: DicomRow, name: str) -> tuple[str, str] | None:
    for parent in Path(name).parents:
        if key := key_of_name(row.images, parent.as_posix()):
            return key
    return None


def _load(row: DicomRow, paths: list[Path]) -> Image:
    return read_series(paths)


def read_series(paths: list[Path]) -> Image:
    """Voxels in the order right, anterior, superior, and mm per voxel, of the one series among these files.

    Raises:
        DataError: there is no series or more than one, a slice is missing or lies nowhere, or SimpleITK cannot read it as a
            volume of real numbers.
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
            return _from_sitk(image)
        except (RuntimeError, ValueError) as error:
            msg = f"{where} cannot be read as a DICOM series: {str(error).strip().splitlines()[-1]}"
            raise DataError(msg) from error


@contextmanager
def keeping_locale() -> Iterator[None]:
    """Give the process its locale back: DICOM code in ITK sets it to C, and files would then be read as ASCII."""
    before = locale.setlocale(locale.LC_ALL)
    try:
        yield
    finally:
        locale.setlocale(locale.LC_ALL, before)


def _one_series(paths: list[Path], where: Path) -> list[str]:
    """Files of the only series among these, in the order of its slices."""
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
    if new := sorted({Path(name) for name in slices} - set(paths)):
        msg = f"{new[0]} has come into the series since it was fetched; fetch it again"
        raise DataError(msg)
    return slices


def _check(reader: Any, image: Any, where: Path) -> None:
    """Refuse what is no volume of real numbers, or whose slices do not stand at even distances."""
    if image.GetNumberOfComponentsPerPixel() != 1 or image.GetDimension() != 3:
        shape = f"{image.GetDimension()} dimensions and {image.GetNumberOfComponentsPerPixel()} values per voxel"
        msg = f"{where} has {shape}, expected 3 and 1"
        raise DataError(msg)
    slices = range(len(reader.GetFileNames()))
    positions = [_position(reader, number) for number in slices]
    if lost := sum(position is None for position in positions):
        msg = f"{where}: {lost} of {len(slices)} slices do not say where they lie (ImagePositionPatient)"
        raise DataError(msg)
    normal = np.array(image.GetDirection()).reshape(3, 3)[:, 2]
    steps = np.diff(np.array(positions, dtype=np.float64) @ normal)
    if len(steps) and (not np.median(steps) or np.ptp(steps) > UNEVEN * abs(np.median(steps))):
        msg = f"{where} has slices {abs(steps).min():g} to {abs(steps).max():g} mm apart; some are missing or doubled"
        raise DataError(msg)


def _position(reader: Any, number: int) -> list[float] | None:
    if not reader.HasMetaDataKey(number, POSITION):
        return None
    try:
        position = [float(part) for part in reader.GetMetaData(number, POSITION).split("\\")]
    except ValueError:
        return None
    return position if len(position) == 3 and np.isfinite(position).all() else None


def _from_sitk(image: Any) -> Image:
    """SimpleITK's left-posterior-superior image as nibabel's right-anterior-superior one."""
    import nibabel
    import SimpleITK as sitk

    matrix = np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = matrix, image.GetOrigin()
    array = sitk.GetArrayFromImage(image).T.astype(np.float64)
    return in_ras(nibabel.Nifti1Image(array, np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine))


_COLLECTION = Collection(_find, _key, _load, many_files=True)
sources, counts, read = _COLLECTION.sources, _COLLECTION.counts, _COLLECTION.read
