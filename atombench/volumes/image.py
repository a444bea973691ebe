"""One image as a reader returns it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Image(NamedTuple):
    """Voxels of one image, with axes ordered right, anterior, superior (RAS), and where they lie.

    Attributes:
        voxels: float64 (I, J, K).
        spacing: float64 (3,), mm per voxel along each axis; NaN where unknown.
        affine: float64 (4, 4), voxel to world mm in RAS; None where the file does not tell.
    """

    voxels: NDArray[np.float64]
    spacing: NDArray[np.float64]
    affine: NDArray[np.float64] | None
