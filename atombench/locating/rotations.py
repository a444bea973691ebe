"""Rotations: a set that covers all evenly, and small ones."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

PHI, PSI = math.sqrt(2), 1.533751168755204288118041  # the second is a root of x^4 = x + 4


def even_rotations(count: int) -> NDArray[np.float64]:
    """Return rotation matrices that cover all rotations evenly, (count, 3, 3).

    Super-Fibonacci spirals (Alexa, CVPR 2022, algorithm 1).

    >>> bool(np.allclose(np.linalg.det(even_rotations(5)), 1))
    True
    """
    number = np.arange(count) + 0.5
    inner, outer = np.sqrt(number / count), np.sqrt(1 - number / count)
    first, second = 2 * np.pi * number / PHI, 2 * np.pi * number / PSI
    quaternions = np.stack(
        [inner * np.sin(first), inner * np.cos(first), outer * np.sin(second), outer * np.cos(second)], axis=1
    )
    matrices: NDArray[np.float64] = Rotation.from_quat(quaternions).as_matrix()
    return matrices


def rotations_apart(angle: float) -> NDArray[np.float64]:
    """Return evenly spaced rotations about `angle` radians apart, (n, 3, 3).

    The volume of all rotations is 8 pi^2 if a small rotation by a vector has the volume element of the vector.
    """
    return even_rotations(math.ceil(8 * math.pi**2 / angle**3))
