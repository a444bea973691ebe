"""Poses as twelve numbers that may be averaged and regressed, and back.

A normal n and its opposite -n show the same plane, mirrored, and sections are drawn from a half sphere: normals near its border
have neighbours on the other side, and their mean would be short and arbitrary. The products n n^T are equal for n and -n. The
mean normal of several poses is therefore the principal axis of the mean product (Markley et al., "Averaging Quaternions", J
Guid Control Dyn 30, 2007, does the same for quaternions); the mean of the normals only decides its sign.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from atombench.tasks.atom.geometry import BlockGrid

Array = NDArray[np.float64]
NUMBERS = 12
UPPER = np.triu_indices(3)  # the six different entries of a symmetric 3 x 3 matrix
FACTORS = np.where(UPPER[0] == UPPER[1], 1.0, np.sqrt(2.0))  # so that lengths equal those of the full matrix


def numbers_of(centres: Array, normals: Array, grid: BlockGrid) -> Array:
    """Return centres (3 numbers), products of the normals (6) and normals (3) of poses; (M, 12).

    All are in voxels: products and normals are multiplied by the scale s, so that a turn counts about as much as the shift of
    the corners that it causes.

    Args:
        centres: (M, 3) voxels.
        normals: (M, 3), any positive length.
        grid: grid of blocks.
    """
    unit = normals / np.linalg.norm(normals, axis=1, keepdims=True)
    products = (unit[:, :, None] * unit[:, None, :])[:, *UPPER] * FACTORS
    return np.concatenate([centres, grid.scale * products, grid.scale * unit], axis=1)


def poses_of(numbers: Array) -> tuple[Array, Array]:
    """Return centres and unit normals, each (M, 3), of (mean or regressed) numbers (M, 12)."""
    products = np.empty((len(numbers), 3, 3))
    products[:, *UPPER] = products[:, UPPER[1], UPPER[0]] = numbers[:, 3:9] / FACTORS
    normals = np.linalg.eigh(products)[1][:, :, -1]
    opposite = (normals * numbers[:, 9:]).sum(axis=1) < 0
    return numbers[:, :3], np.where(opposite[:, None], -normals, normals)
