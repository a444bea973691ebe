"""Reading one NIfTI image: voxels in the order right, anterior, superior, and their size in mm."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atombench.errors import DataError

NIFTI_ERRORS = (OSError, EOFError, ValueError, TypeError, KeyError, OverflowError, MemoryError, zlib.error)
MM_PER_UNIT = {"mm": 1.0, "meter": 1000.0, "micron": 0.001, "unknown": 1.0}


def read_image(path: Path) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Voxels in the order right, anterior, superior, and mm per voxel along these axes.

    Raises:
        DataError: nibabel cannot read the file, its voxels are not real numbers (RGB, complex), or it is not of three
            dimensions.
    """
    import nibabel

    try:
        image: Any = nibabel.load(path)
        if image.get_data_dtype().kind not in "iuf":
            msg = f"{path} holds voxels of type {image.get_data_dtype()}, expected real numbers"
            raise DataError(msg)
        image = nibabel.squeeze_image(image)  # a fourth dimension of length one says nothing
        if len(image.shape) != 3:
            msg = f"{path} has {len(image.shape)} dimensions {image.shape}, expected 3; choose one volume of a series"
            raise DataError(msg)
        units = image.header.get_xyzt_units()[0] if hasattr(image.header, "get_xyzt_units") else "mm"
        return in_ras(image, MM_PER_UNIT[units])
    except (
        *NIFTI_ERRORS,
        nibabel.filebasedimages.ImageFileError,
        nibabel.orientations.OrientationError,
        nibabel.spatialimages.HeaderDataError,
    ) as error:
        msg = f"{path} cannot be read as NIfTI: {' '.join(str(error).split())}"
        raise DataError(msg) from error


def in_ras(image: Any, mm: float = 1.0) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Voxels of a nibabel image along the axes nearest to right, anterior, superior, and their size; `mm` per unit.

    Raises:
        ValueError: the affine is singular or not finite.
    """
    import nibabel

    if not np.isfinite(image.affine).all() or not np.linalg.det(image.affine):
        msg = f"its affine is singular or not finite: {np.array2string(np.asarray(image.affine), separator=', ')}"
        raise ValueError(msg)
    turned = nibabel.as_closest_canonical(image)
    return np.asarray(turned.get_fdata(dtype=np.float64)), mm * nibabel.affines.voxel_sizes(turned.affine)
