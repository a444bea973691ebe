"""DICOM series, one folder per subject, read by SimpleITK."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from atombench.errors import DataError
from atombench.volumes.collection import Collection, Image
from atombench.volumes.nifti import in_ras
from atombench.volumes.patterns import key_of_name
from atombench.volumes.registry import DicomRow

POSITION = "0020|0032"  # ImagePositionPatient
UNEVEN = 0.01  # of the distance between slices


def _find(row: DicomRow, folder: Path) -> list[str]:
    """Every file below a subject's folder."""
    wanted = row.images.replace("{subject}", "*").replace("{session}", "*")
    below = (path for top in folder.glob(wanted) if top.is_dir() for path in top.rglob("*"))
    return sorted(path.relative_to(folder).as_posix() for path in below if path.is_file())


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
        DataError: there is no series or more than one, a slice is missing, or SimpleITK cannot read it as a volume of real
            numbers.
    """
    import SimpleITK as sitk

    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    names = sitk.ImageSeriesReader
    series = [
        (folder, identity)
        for folder in sorted({path.parent for path in paths})
        for identity in names.GetGDCMSeriesIDs(str(folder))
    ]
    where = Path(*_common(paths))
    if len(series) != 1:
        msg = f"{where} holds {len(series)} DICOM series in {len(paths)} files, expected one"
        raise DataError(msg)
    reader = names()
    reader.SetFileNames(names.GetGDCMSeriesFileNames(str(series[0][0]), series[0][1]))
    reader.MetaDataDictionaryArrayUpdateOn()
    try:
        image = reader.Execute()
        _check(reader, image, where)
        return _from_sitk(image)
    except (RuntimeError, ValueError) as error:
        msg = f"{where} cannot be read as a DICOM series: {str(error).strip().splitlines()[-1]}"
        raise DataError(msg) from error


def _common(paths: list[Path]) -> tuple[str, ...]:
    """Longest folder that all files share."""
    parts = [path.parent.parts for path in paths]
    same = [column[0] for column in zip(*parts, strict=False) if len(set(column)) == 1]
    return tuple(same)


def _check(reader: Any, image: Any, where: Path) -> None:
    if image.GetNumberOfComponentsPerPixel() != 1 or image.GetDimension() != 3:
        shape = f"{image.GetDimension()} dimensions and {image.GetNumberOfComponentsPerPixel()} values per voxel"
        msg = f"{where} has {shape}, expected 3 and 1"
        raise DataError(msg)
    slices = range(image.GetDepth())
    if image.GetDepth() < 3 or not all(reader.HasMetaDataKey(number, POSITION) for number in slices):
        return
    positions = [reader.GetMetaData(number, POSITION).split("\\") for number in slices]
    normal = np.array(image.GetDirection()).reshape(3, 3)[:, 2]
    steps = np.diff(np.array(positions, dtype=np.float64) @ normal)
    if np.ptp(steps) > UNEVEN * abs(np.median(steps)):
        msg = f"{where} has slices {abs(steps).min():g} to {abs(steps).max():g} mm apart; some are missing or doubled"
        raise DataError(msg)


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
