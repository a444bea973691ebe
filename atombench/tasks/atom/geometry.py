"""Geometry of the task: the section's lattice of points, and the blocks of the volume.

Voxel coordinates (i, j, k) are integers at voxel centres, in the order of the array's axes. All numbers of the task follow
from the scale s: volumes of edge 20s, sections of 4s x 4s pixels, 27 coarse blocks of edge 10s every 5s voxels, and in each
of them 27 fine boxes of edge 6s every 2s voxels, 729 in all. With context c a section shows 4sc x 4sc pixels around the same
pose; labels and distances are those of its core, the 4s x 4s pixels in the middle.

Functions accept NumPy arrays or torch tensors and return the same kind, on the same device. Letters: M sections, P points of
one section ((4s)^2).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from array_api_compat import array_namespace, device
from numpy.typing import NDArray

AnyArray = Any
"""A NumPy array or a torch tensor; functions return the kind that they are given."""
Namespace = Any
"""The module `numpy`, or that of `array_api_compat` for torch."""
Device = Any
"""A device of an array."""

BLOCKS_PER_AXIS = 3
BLOCKS = BLOCKS_PER_AXIS**3
BOXES = BLOCKS**2


@dataclass(frozen=True)
class BlockGrid:
    """Coarse blocks and fine boxes at one scale, and the size of the sections; all lengths in voxels.

    Raises:
        ValueError: scale or context is not a positive integer.
    """

    scale: int
    context: int = 1

    def __post_init__(self) -> None:
        for name, value in (("scale", self.scale), ("context", self.context)):
            if value < 1:
                msg = f"expected a {name} of 1, 2, 3, ..., got {value}"
                raise ValueError(msg)

    @property
    def edge(self) -> int:
        """Edge of the volume."""
        return 20 * self.scale

    @property
    def section(self) -> int:
        """Edge of the section, in pixels."""
        return self.core * self.context

    @property
    def core(self) -> int:
        """Edge of the part of the section that is located, in pixels."""
        return 4 * self.scale

    @property
    def coarse_edge(self) -> int:
        """Edge of a coarse block."""
        return 10 * self.scale

    @property
    def coarse_stride(self) -> int:
        """Distance between neighbouring coarse blocks."""
        return 5 * self.scale

    @property
    def fine_edge(self) -> int:
        """Edge of a fine box."""
        return 6 * self.scale

    @property
    def fine_stride(self) -> int:
        """Distance between neighbouring fine boxes of one coarse block."""
        return 2 * self.scale

    @cached_property
    def coarse_starts(self) -> NDArray[np.int64]:
        """First voxel of the coarse blocks along one axis; shape (3,)."""
        return self.coarse_stride * np.arange(BLOCKS_PER_AXIS)

    @cached_property
    def fine_starts(self) -> NDArray[np.int64]:
        """First voxel along one axis of fine box l in coarse block c; shape (3 c, 3 l)."""
        return self.coarse_starts[:, None] + self.fine_stride * np.arange(BLOCKS_PER_AXIS)

    @cached_property
    def box_starts(self) -> NDArray[np.int64]:
        """First voxel of every fine box, in the order of scores; shape (729, 3)."""
        number = np.arange(BOXES).reshape(-1, 1) // (BLOCKS * np.array([9, 3, 1]))  # coarse blocks, axis by axis
        inner = np.arange(BOXES).reshape(-1, 1) % BLOCKS // np.array([9, 3, 1])
        return self.fine_starts[number % BLOCKS_PER_AXIS, inner % BLOCKS_PER_AXIS]

    @cached_property
    def offsets(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """In-plane offsets (a, b) of the section's points, a fastest; two arrays of shape (P,)."""
        return square(self.section)

    @cached_property
    def core_points(self) -> NDArray[np.int64]:
        """Indices of the points of the core among the P points of the section; shape (4s, 4s)."""
        inside = slice((self.section - self.core) // 2, (self.section + self.core) // 2)
        return np.arange(self.section**2).reshape(self.section, self.section)[inside, inside]

    @property
    def corners(self) -> list[int]:
        """Indices of the four corner points of the core among the P points of the section."""
        corners: list[int] = self.core_points[[0, 0, -1, -1], [0, -1, 0, -1]].tolist()
        return corners


def square(edge: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return in-plane offsets (a, b) from -edge/2 to edge/2 - 1, a fastest; two arrays of shape (edge^2,). The edge is even."""
    steps = np.arange(-edge / 2, edge / 2)
    b, a = np.meshgrid(steps, steps, indexing="ij")
    return a.ravel(), b.ravel()


def combine_axes(xp: Namespace, parts: list[AnyArray], operation: Callable[[AnyArray, AnyArray], AnyArray]) -> AnyArray:
    """Combine one table per axis, each (M, 3 coarse, 3 fine), into one over all boxes (M, 27 coarse, 27 fine).

    Args:
        xp: namespace of the arrays.
        parts: tables of axes i, j and k.
        operation: combines entries of two axes, such as logical and.
    """
    shapes = [(-1, 3, 1, 1, 3, 1, 1), (-1, 1, 3, 1, 1, 3, 1), (-1, 1, 1, 3, 1, 1, 3)]
    first, second, third = (xp.reshape(part, shape) for part, shape in zip(parts, shapes, strict=True))
    return xp.reshape(operation(operation(first, second), third), (-1, BLOCKS, BLOCKS))


def combine_block_axes(xp: Namespace, parts: AnyArray, operation: Callable[[AnyArray, AnyArray], AnyArray]) -> AnyArray:
    """Combine one table per axis over coarse blocks, (M, 3 axes, 3), into one over all blocks (M, 27)."""
    i, j, k = (parts[:, axis] for axis in range(3))
    combined = operation(operation(i[:, :, None, None], j[:, None, :, None]), k[:, None, None, :])
    return xp.reshape(combined, (-1, BLOCKS))


def lattice(normals: AnyArray, grid: BlockGrid) -> AnyArray:
    """Return the offsets of a section's points from its centre, for each normal; float64 (M, 3, P). See `plane`."""
    return plane(normals, grid.offsets)


def plane(normals: AnyArray, offsets: tuple[NDArray[np.float64], NDArray[np.float64]]) -> AnyArray:
    """Rotate in-plane offsets into the plane of each normal; float64 (M, 3, P).

    point(a, b) = R(n) (a, b, 0), where R(n) is the smallest rotation that takes +k to the normal n = (x, y, z) / L:

        i = (a (D - x^2) - b x y) / D,  j = (b (D - y^2) - a x y) / D,  k = -(a x + b y) / L,  D = L^2 + z L

    For integer x, y and z, numerators and denominators are exact if L is an integer or z is 0, so that halfway values are
    exact and are rounded equally on every machine. For n = -k the smallest rotation is not unique; the half turn about i is
    used.

    Args:
        normals: (M, 3), any positive length.
        offsets: a and b, each (P,).

    Raises:
        ValueError: a normal has length zero (checked for NumPy arrays only).
    """
    xp = array_namespace(normals)
    if isinstance(normals, np.ndarray) and not np.any(normals, axis=1).all():
        msg = f"expected normals of positive length, got zeros in rows {np.flatnonzero(~np.any(normals, axis=1))[:5]}"
        raise ValueError(msg)
    # Below, sections are the last axis, so that operations run over contiguous memory.
    a, b = (xp.asarray(offset, device=device(normals))[:, None] for offset in offsets)  # (P, 1)
    x, y, z = (xp.astype(normals[:, axis], xp.float64) for axis in range(3))  # (M,)
    squared = x * x + y * y + z * z
    length = xp.sqrt(squared)
    across = x * x + y * y
    upwards = xp.where(z < 0, length - z, xp.ones_like(z))  # for z < 0 this avoids the cancellation in L + z
    divisor = xp.where(z < 0, across * length / upwards, squared + z * length)
    downwards = divisor <= 0
    ones = xp.ones_like(x)
    divisor, xx, yy, xy = (
        xp.where(downwards, special, regular)
        for special, regular in ((ones, divisor), (ones, divisor - x * x), (-ones, divisor - y * y), (0 * ones, x * y))
    )
    i = (a * xx - b * xy) / divisor  # (P, M)
    j = (b * yy - a * xy) / divisor
    k = (a * -x + b * -y) / length
    return xp.permute_dims(xp.stack([i, j, k]), (2, 0, 1))


def section_points(centres: AnyArray, normals: AnyArray, grid: BlockGrid) -> AnyArray:
    """Return the voxels that a section shows: lattice points rounded half to even; integers (M, 3, P), also outside the volume.

    Args:
        centres: (M, 3) voxel coordinates.
        normals: (M, 3), any positive length.
        grid: grid that defines the section's size.
    """
    xp = array_namespace(centres, normals)
    exact = xp.permute_dims(lattice(normals, grid), (1, 2, 0))  # (3, P, M), the order in memory
    exact = exact + xp.permute_dims(xp.astype(centres, xp.float64), (1, 0))[:, None, :]
    return xp.permute_dims(xp.astype(xp.round(exact), xp.int32), (2, 0, 1))
