"""Smooth non-rigid deformation that remains after an affine alignment."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import ClassVar

import numpy as np
from array_api_compat import device
from numpy.typing import NDArray

from atombench.tasks.atom.degradation.step import Damaged, Dice, Record, between, moves_too_little
from atombench.tasks.atom.geometry import BlockGrid

KNOTS = 6  # control points along each axis, of which four or more act on each pixel
SECURE = 3.0  # standard deviations that hardly any displacement exceeds


@dataclass(frozen=True)
class Field:
    """Displace points by a cubic B-spline with random control points.

    Attributes:
        deviation: standard deviation of the displacement, as a share of the section's width (0.45 % is the median residual of
            aligned serial sections, 2 % their worst).
    """

    deviation: float

    name: ClassVar[str] = "field"

    @classmethod
    def at(cls, severity: int) -> Field:
        """Return the step at a severity."""
        return cls(between(severity, 0.003, 0.01, 0.02))

    def unseen(self, grid: BlockGrid) -> str:
        """Return why the step cannot be seen at a size; empty if it can."""
        return moves_too_little(SECURE * self.deviation * grid.section, grid)

    def draw(self, dice: Dice, grid: BlockGrid) -> Record:
        """Draw the displacement of the control points in pixels, (M, 2, KNOTS^2)."""
        knots = dice.normal("knots", 2, KNOTS**2)
        return {"knots": knots * np.float32(self.deviation * grid.section)}

    def apply(self, sections: Damaged, record: Record) -> Damaged:
        """Displace all points."""
        weights = sections.xp.asarray(spline_weights(sections.width), dtype=sections.a.dtype, device=device(sections.a))
        knots = sections.xp.astype(record["knots"], sections.a.dtype)
        return sections.moved(sections.a + knots[:, 0] @ weights, sections.b + knots[:, 1] @ weights)


@cache
def spline_weights(width: int) -> NDArray[np.float64]:
    """Return the weight of each control point at each pixel, scaled so that displacements have unit variance on average."""
    place = (np.arange(width) + 0.5) / width * (KNOTS - 3)
    distance = np.abs(place[None] - np.arange(-1, KNOTS - 1)[:, None])  # (KNOTS, width)
    near, far = 2 / 3 - distance**2 * (1 - distance / 2), (2 - distance) ** 3 / 6
    axis = np.where(distance < 1, near, np.where(distance < 2, far, 0.0))
    both = (axis[:, None, :, None] * axis[None, :, None, :]).reshape(KNOTS**2, width**2)  # rows follow b
    scaled: NDArray[np.float64] = both / np.sqrt((both**2).sum(axis=0).mean())
    return scaled
