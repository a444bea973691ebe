"""Tears: the tissue opens along a line."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from atombench.tasks.atom.degradation.line import along_normal, beyond, covered, draw_line, only_present, too_narrow
from atombench.tasks.atom.degradation.step import Damaged, Dice, Range, Record, between
from atombench.tasks.atom.geometry import BlockGrid


@dataclass(frozen=True)
class Tear:
    """Open a gap along a random line, with a probability.

    Attributes:
        probability: share of sections with a tear.
        width: width of the gap, as a share of the section's width.
    """

    probability: float
    width: Range

    name: ClassVar[str] = "tear"

    @classmethod
    def at(cls, severity: int) -> Tear:
        """Return the step at a severity."""
        return cls(between(severity, 0, 0.2, 0.5), Range.at(severity, (0, 0), (0.005, 0.015), (0.02, 0.04)))

    def unseen(self, grid: BlockGrid) -> str:
        """Return why the step cannot be seen at a size; empty if it can."""
        return too_narrow(self.width, self.probability, grid)

    def draw(self, dice: Dice, grid: BlockGrid) -> Record:
        """Draw the line and the width of the gap; see `draw_line`."""
        return draw_line(dice, self.probability, self.width, grid)

    def apply(self, sections: Damaged, record: Record) -> Damaged:
        """Move both sides apart by half of the width, and let no tissue remain between them."""
        xp, distance, half = sections.xp, beyond(sections, record), record["width"][:, None] / 2
        gap = only_present(record, covered(distance, -half, half, sections), sections)
        apart = only_present(record, xp.where(distance > 0, -half, half), sections)
        return replace(along_normal(sections, record, apart), light=sections.light * (1 - gap))
