"""Read one NIfTI image with axes ordered right, anterior, superior and lengths in mm."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from atombench.errors import DataError
from atombench.volumes.image import Image

NIFTI_ERRORS = (OSError, EOFError, ValueError, TypeError, KeyError, OverflowError, MemoryError, zlib.error)
MM_PER_UNIT = {"mm": 1.0, "meter": 1000.0, "micron": 0.001, "unknown": 1.0}


def read_image(path: Path) -> Image:
    """Read a NIfTI image; the affine is that of the reordered voxels.

    Raises:
        DataError: nibabel cannot read the file, its voxels are not real numbers (RGB, complex), or it does not have three
            dimensions.
    """
    with nifti_errors(path):
        return in_ras(*opened(path))


def opened(path: Path) -> tuple[Any, float]:
    """Open a nibabel image of one volume of real numbers; return it with the mm per unit of its affine.

    Raises:
        DataError: it is something else.
    """
    import nibabel

    image: Any = nibabel.load(path)
    if image.get_data_dtype().kind not in "iuf":
        msg = f"{path} holds voxels of type {image.get_data_dtype()}, expected real numbers"
        raise DataError(msg)
    image = nibabel.squeeze_image(image)  # a fourth dimension of length one holds no series
    if len(image.shape) != 3:
        msg = f"{path} has {len(image.shape)} dimensions {image.shape}, expected 3; choose one volume of a series"
        raise DataError(msg)
    return image, mm_per_unit(image)


def mm_per_unit(image: Any) -> float:
    """Return the mm per unit of length of a nibabel image."""
    return MM_PER_UNIT[image.header.get_xyzt_units()[0] if hasattr(image.header, "get_xyzt_units") else "mm"]


@contextmanager
def nifti_errors(path: Path) -> Iterator[None]:
    """Report errors of nibabel as `DataError`; voxels are read late, so that reading them belongs into the block, too."""
    import nibabel

    try:
        yield
    except (
        *NIFTI_ERRORS,
        nibabel.filebasedimages.ImageFileError,
        nibabel.orientations.OrientationError,
        nibabel.spatialimages.HeaderDataError,
    ) as error:
        msg = f"{path} cannot be read as NIfTI: {' '.join(str(error).split())}"
        raise DataError(msg) from error


def in_ras(image: Any, mm: float = 1.0) -> Image:
    """Reorder a nibabel image to the axes nearest to right, anterior, superior, without interpolation.

    Args:
        image: the nibabel image.
        mm: mm per unit of its affine.

    Raises:
        ValueError: the affine is singular or not finite.
    """
    import nibabel

    if not np.isfinite(image.affine).all() or not np.linalg.det(image.affine):
        msg = f"its affine is singular or not finite: {np.array2string(np.asarray(image.affine), separator=', ')}"
        raise ValueError(msg)
    canonical = nibabel.as_closest_canonical(image)
    affine = np.diag([mm, mm, mm, 1.0]) @ canonical.affine
    spacing = mm * nibabel.affines.voxel_sizes(canonical.affine)
    return Image(np.asarray(canonical.get_fdata(dtype=np.float64)), spacing, affine)
