"""Missing tissue: lost at the border, or a hole."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from atombench.tasks.atom.degradation.step import Damaged, Dice, Range, Record, between
from atombench.tasks.atom.geometry import BlockGrid


@dataclass(frozen=True)
class Missing:
    """Remove a share of the section with a probability: beyond a line, or in a disc.

    Attributes:
        probability: share of sections that miss tissue.
        share: missing share of their pixels.
    """

    probability: float
    share: Range

    name: ClassVar[str] = "missing"

    @classmethod
    def at(cls, severity: int) -> Missing:
        """Return the step at a severity."""
        return cls(between(severity, 0, 0.5, 1), Range.at(severity, (0, 0), (0, 0.08), (0.06, 0.18)))

    def unseen(self, grid: BlockGrid) -> str:
        """Return why the step cannot be seen at a size; empty if it can."""
        if not self.probability:
            return "does not occur at this severity"
        pixels = grid.section**2
        return "" if self.share.high * pixels >= 1 else f"removes less than one of {pixels} pixels"

    def draw(self, dice: Dice, grid: BlockGrid) -> Record:
        """Draw presence, whether a hole, direction (radians), place of the hole (pixels) and share; (M,) or (M, 2)."""
        half = Range(-grid.section / 2, grid.section / 2)
        return {
            "present": dice.uniform("present") < self.probability,
            "hole": dice.uniform("hole") < 0.5,
            "angle": dice.angle("angle"),
            "place_a": dice.uniform("place a", half),
            "place_b": dice.uniform("place b", half),
            "share": dice.uniform("share", self.share),
        }

    def apply(self, sections: Damaged, record: Record) -> Damaged:
        """Remove the pixels that are farthest out, or nearest to the place of the hole."""
        xp = sections.xp
        a, b = sections.places()
        angle = record["angle"][:, None]
        inwards = a * xp.cos(angle) + b * xp.sin(angle)
        around = (a - record["place_a"][:, None]) ** 2 + (b - record["place_b"][:, None]) ** 2
        order = xp.argsort(xp.where(record["hole"][:, None], around, inwards), axis=1, stable=True)
        rank = xp.argsort(order, axis=1, stable=True)
        count = xp.round(record["share"] * order.shape[1])[:, None]
        lost = record["present"][:, None] & (rank < count)
        return replace(sections, light=xp.where(lost, 0 * sections.light, sections.light))
