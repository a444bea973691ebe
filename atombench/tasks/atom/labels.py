"""Labels: the blocks and boxes that contain all four corner points of a section."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from functools import cache

import numpy as np
from array_api_compat import array_namespace, device
from numpy.typing import NDArray

from atombench.tasks.atom.geometry import (
    BLOCKS,
    BOXES,
    AnyArray,
    BlockGrid,
    Device,
    Namespace,
    combine_axes,
    combine_block_axes,
)


@dataclass(frozen=True)
class Labels:
    """Multi-hot labels of M sections; a section may have 0 to 8 coarse blocks.

    Attributes:
        coarse: bool (M, 27), index 9i + 3j + k.
        fine: bool (M, 27, 27), the fine boxes inside each coarse block.
    """

    coarse: AnyArray
    fine: AnyArray

    @property
    def boxes(self) -> AnyArray:
        """The fine labels over all 729 boxes; bool (M, 729)."""
        return self.fine.reshape((-1, BOXES))


@dataclass(frozen=True)
class LabelTable:
    """Look-up table of all labels that can occur.

    Along one axis, whether an interval of voxels lies in each block depends only on its ends, and only K different results
    ("patterns") occur. A label is one of the K^3 combinations of the patterns of three axes.

    Attributes:
        patterns: K.
        pattern: integers ((E + 2)^2,), pattern of the interval from low to high at (low + 1) (E + 2) + high + 1; both are
            clipped to -1 .. E.
        labels: bool (K^3, blocks).
    """

    patterns: int
    pattern: AnyArray
    labels: AnyArray

    def find(self, xp: Namespace, intervals: AnyArray) -> AnyArray:
        """Return the labels (M, blocks) of sections with corners that span `intervals` (M, 3), numbered as in `pattern`."""
        pattern = xp.reshape(xp.take(self.pattern, xp.reshape(intervals, (-1,)), axis=0), intervals.shape)
        code = (pattern[:, 0] * self.patterns + pattern[:, 1]) * self.patterns + pattern[:, 2]
        return xp.take(self.labels, code, axis=0)


def label_sections(points: AnyArray, grid: BlockGrid) -> Labels:
    """Label sections by their (rounded) corner points; a block is correct if it contains all four, borders included.

    Args:
        points: integers (M, 3, P), from `section_points`; NumPy or torch.
        grid: grid of blocks.
    """
    xp = array_namespace(points)
    coarse, fine = label_tables(grid, xp, device(points))
    corners = xp.stack([points[:, :, corner] for corner in grid.corners])  # (4, M, 3)
    low, high = (xp.clip(reduce(corners, axis=0), -1, grid.edge) + 1 for reduce in (xp.min, xp.max))  # (M, 3)
    intervals = xp.astype(low * (grid.edge + 2) + high, xp.int64)
    return Labels(coarse=coarse.find(xp, intervals), fine=xp.reshape(fine.find(xp, intervals), (-1, BLOCKS, BLOCKS)))


@cache
def label_tables(grid: BlockGrid, xp: Namespace, target: Device) -> tuple[LabelTable, LabelTable]:
    """Build the tables of coarse blocks and of fine boxes (22 MB), as arrays of the namespace `xp` on a device."""
    coarse_pattern, coarse = _patterns(grid, grid.coarse_starts, grid.coarse_edge)
    fine_pattern, fine = _patterns(grid, grid.fine_starts, grid.fine_edge)
    blocks = combine_block_axes(np, np.stack(_combinations(coarse), axis=1), operator.and_)
    boxes = combine_axes(np, _combinations(fine), operator.and_).reshape(-1, BOXES)

    def table(axis: NDArray[np.bool_], pattern: NDArray[np.int64], labels: NDArray[np.bool_]) -> LabelTable:
        return LabelTable(len(axis), xp.asarray(pattern, device=target), xp.asarray(labels, device=target))

    return table(coarse, coarse_pattern, blocks), table(fine, fine_pattern, boxes)


def _patterns(grid: BlockGrid, starts: NDArray[np.int64], edge: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the pattern of every interval along one axis ((E + 2)^2,), and the patterns (K, *shape of starts)."""
    ends = np.arange(-1, grid.edge + 1)
    low, high = (end.reshape(-1, 1) for end in np.meshgrid(ends, ends, indexing="ij"))
    inside = (low <= high) & (low >= starts.ravel()) & (high <= starts.ravel() + edge - 1)
    patterns, number = np.unique(inside, axis=0, return_inverse=True)
    return number.ravel(), patterns.reshape(-1, *starts.shape)


def _combinations(patterns: NDArray[np.bool_]) -> list[NDArray[np.bool_]]:
    """Return the patterns of axes i, j and k in each of the K^3 combinations; three arrays (K^3, ...)."""
    numbers = np.indices((len(patterns),) * 3).reshape(3, -1)
    return [patterns[number] for number in numbers]
