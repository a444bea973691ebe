"""Rotation within the plane, and mirroring, when the section is mounted on the slide."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from atombench.tasks.atom.degradation.step import Damaged, Dice, Range, Record, between, moves_too_little
from atombench.tasks.atom.geometry import BlockGrid


@dataclass(frozen=True)
class Rotation:
    """Rotate by an angle, and mirror with a probability.

    Attributes:
        largest: largest angle either way, in degrees.
        mirrored: probability of a mirror image.
    """

    largest: float
    mirrored: float

    name: ClassVar[str] = "rotation"

    @classmethod
    def at(cls, severity: int) -> Rotation:
        """Return the step at a severity."""
        return cls(between(severity, 5, 15, 180), between(severity, 0, 0, 0.5))

    def unseen(self, grid: BlockGrid) -> str:
        """Return why the step cannot be seen at a size; empty if it can."""
        return "" if self.mirrored else moves_too_little(np.radians(self.largest) * grid.section / 2, grid)

    def draw(self, dice: Dice, grid: BlockGrid) -> Record:
        """Draw the angle (radians) and whether to mirror, each (M,)."""
        angle = np.radians(dice.uniform("angle", Range(-self.largest, self.largest)))
        return {"angle": angle, "mirrored": dice.uniform("mirrored") < self.mirrored}

    def apply(self, sections: Damaged, record: Record) -> Damaged:
        """Turn the points about the middle of the section."""
        xp = sections.xp
        along, across = sections.turned(record["angle"])
        sign = xp.where(record["mirrored"], -xp.ones_like(record["angle"]), xp.ones_like(record["angle"]))
        return sections.turned_back(along * sign[:, None], across, 0 * record["angle"])
