"""Tilt of the cutting plane against the nominal plane."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from atombench.tasks.atom.degradation.step import Damaged, Dice, Range, Record, between, moves_too_little
from atombench.tasks.atom.geometry import BlockGrid


@dataclass(frozen=True)
class Tilt:
    """Tilt the plane about a random axis within it, by an angle up to `largest` degrees either way."""

    largest: float

    name: ClassVar[str] = "tilt"

    @classmethod
    def at(cls, severity: int) -> Tilt:
        """Return the step at a severity."""
        return cls(between(severity, 2, 5, 10))

    def unseen(self, grid: BlockGrid) -> str:
        """Return why the step cannot be seen at a size; empty if it can."""
        return moves_too_little(np.sin(np.radians(self.largest)) * grid.section / 2, grid)

    def draw(self, dice: Dice, grid: BlockGrid) -> Record:
        """Draw the angle and the direction of the axis (radians), each (M,)."""
        return {"tilt": np.radians(dice.uniform("tilt", Range(-self.largest, self.largest))), "angle": dice.angle("angle")}

    def apply(self, sections: Damaged, record: Record) -> Damaged:
        """Lift the points on one side of the axis out of the plane, and lower those on the other."""
        xp = sections.xp
        along, across = sections.turned(record["angle"])
        cos, sin = xp.cos(record["tilt"])[:, None], xp.sin(record["tilt"])[:, None]
        tilted = sections.turned_back(along, across * cos, record["angle"])
        return replace(tilted, height=sections.height + across * sin)
