"""Folds: a band of the tissue lies over itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from atombench.tasks.atom.degradation.line import along_normal, beyond, covered, draw_line, only_present, too_narrow
from atombench.tasks.atom.degradation.step import Damaged, Dice, Range, Record, between
from atombench.tasks.atom.geometry import BlockGrid

DARK = 0.5  # share of light that passes the layers of a fold


@dataclass(frozen=True)
class Fold:
    """Fold the tissue along a random line, with a probability: the band is darker, and what lies beyond it moves closer.

    Attributes:
        probability: share of sections with a fold.
        width: width of the band, as a share of the section's width; twice as much tissue is lost from sight.
    """

    probability: float
    width: Range

    name: ClassVar[str] = "fold"

    @classmethod
    def at(cls, severity: int) -> Fold:
        """Return the step at a severity."""
        return cls(between(severity, 0, 0.05, 0.2), Range.at(severity, (0, 0), (0.02, 0.05), (0.03, 0.08)))

    def unseen(self, grid: BlockGrid) -> str:
        """Return why the step cannot be seen at a size; empty if it can."""
        return too_narrow(self.width, self.probability, grid)

    def draw(self, dice: Dice, grid: BlockGrid) -> Record:
        """Draw the line and the width of the band; see `draw_line`."""
        return draw_line(dice, self.probability, self.width, grid)

    def apply(self, sections: Damaged, record: Record) -> Damaged:
        """Darken the band, and show tissue beyond it that lies two widths farther away."""
        xp, distance, width = sections.xp, beyond(sections, record), record["width"][:, None]
        band = only_present(record, covered(distance, 0 * width, width, sections), sections)
        lost = only_present(record, xp.where(distance > 0, 2 * width + 0 * distance, 0 * distance), sections)
        return replace(along_normal(sections, record, lost), light=sections.light * (1 - (1 - DARK) * band))
