"""Compression in one direction by the knife of the microtome."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from atombench.tasks.atom.degradation.step import Damaged, Dice, Range, Record, moves_too_little
from atombench.tasks.atom.geometry import BlockGrid


@dataclass(frozen=True)
class Compression:
    """Multiply lengths along a random direction by a factor below 1 (ratio of axes 1.03 to 1.12 in published pairs)."""

    factor: Range

    name: ClassVar[str] = "compression"

    @classmethod
    def at(cls, severity: int) -> Compression:
        """Return the step at a severity."""
        return cls(Range.at(severity, (0.98, 1.0), (0.88, 1.0), (0.7, 0.9)))

    def unseen(self, grid: BlockGrid) -> str:
        """Return why the step cannot be seen at a size; empty if it can."""
        return moves_too_little((1 / self.factor.low - 1) * grid.section / 2, grid)

    def draw(self, dice: Dice, grid: BlockGrid) -> Record:
        """Draw factor and direction (radians), each (M,)."""
        return {"factor": dice.uniform("factor", self.factor), "angle": dice.angle("angle")}

    def apply(self, sections: Damaged, record: Record) -> Damaged:
        """Show points farther from the middle along the direction."""
        along, across = sections.turned(record["angle"])
        return sections.turned_back(along / record["factor"][:, None], across, record["angle"])
