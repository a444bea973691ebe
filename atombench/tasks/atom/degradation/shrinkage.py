"""Isotropic shrinkage of the cut tissue by fixation and embedding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from atombench.tasks.atom.degradation.step import MIDDLE, Damaged, Dice, Range, Record, moves_too_little
from atombench.tasks.atom.geometry import BlockGrid


@dataclass(frozen=True)
class Shrinkage:
    """Multiply lengths by a factor below 1 (on slides 0.89 to 0.96, brain in paraffin down to 0.75)."""

    factor: Range

    name: ClassVar[str] = "shrinkage"

    @classmethod
    def at(cls, severity: int) -> Shrinkage:
        """Return the step at a severity."""
        return cls(Range.at(severity, (0.96, 1.0), (0.86, 0.98), (0.7, 0.8)))

    def unseen(self, grid: BlockGrid) -> str:
        """Return why the step cannot be seen at a size; empty if it can."""
        return moves_too_little((1 / self.factor.low - 1) * grid.section / 2, grid)

    def draw(self, dice: Dice, grid: BlockGrid) -> Record:
        """Draw the factor, (M,)."""
        return {"factor": dice.uniform("factor", self.factor)}

    def apply(self, sections: Damaged, record: Record) -> Damaged:
        """Show points farther from the middle."""
        factor = record["factor"][:, None]
        return sections.moved((sections.a - MIDDLE) / factor + MIDDLE, (sections.b - MIDDLE) / factor + MIDDLE)
