"""Labels: the blocks and boxes in which all four corner points of a section lie."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import Any

from array_api_compat import array_namespace, device

from atombench.atom.geometry import BOXES, BlockGrid, combine_axes, combine_block_axes


@dataclass(frozen=True)
class Labels:
    """Multi-hot labels of M sections; a section may have 0 to 8 coarse blocks.

    Attributes:
        coarse: bool (M, 27), index 9i + 3j + k.
        fine: bool (M, 27, 27), the fine boxes inside each coarse block.
    """

    coarse: Any
    fine: Any

    @property
    def boxes(self) -> Any:
        """The fine labels over all 729 boxes; bool (M, 729)."""
        return self.fine.reshape((-1, BOXES))


def label_sections(points: Any, grid: BlockGrid) -> Labels:
    """Label sections by their (rounded) corner points; a block is correct when it holds all four, borders included.

    Args:
        points: integers (M, 3, P), from `section_points`; NumPy or torch.
        grid: the blocks.
    """
    xp = array_namespace(points)
    corners = points[:, :, grid.corners]  # (M, 3, 4)
    low, high = xp.min(corners, axis=2), xp.max(corners, axis=2)  # (M, 3)

    def inside(starts: Any, edge: int) -> Any:
        first = xp.asarray(starts, device=device(points))
        shape = (-1, 3, *(1,) * starts.ndim)
        return (xp.reshape(low, shape) >= first) & (xp.reshape(high, shape) <= first + edge - 1)

    coarse = inside(grid.coarse_starts, grid.coarse_edge)  # (M, 3 axes, 3)
    fine = inside(grid.fine_starts, grid.fine_edge)  # (M, 3 axes, 3, 3)
    boxes = combine_axes(xp, [fine[:, axis] for axis in range(3)], operator.and_)
    return Labels(coarse=combine_block_axes(xp, coarse, operator.and_), fine=boxes)
