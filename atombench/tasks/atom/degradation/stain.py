"""Gradient of the stain across the section."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from atombench.tasks.atom.degradation.step import Damaged, Dice, Record, between
from atombench.tasks.atom.geometry import BlockGrid

TERMS = 5  # a, b, ab, a^2 and b^2


@dataclass(frozen=True)
class Stain:
    """Multiply intensities by a smooth random field; `deviation` is the standard deviation of its logarithm."""

    deviation: float

    name: ClassVar[str] = "stain"

    @classmethod
    def at(cls, severity: int) -> Stain:
        """Return the step at a severity."""
        return cls(between(severity, 0.05, 0.1, 0.3))

    def unseen(self, grid: BlockGrid) -> str:
        """Return an empty text: a change of brightness can always be seen."""
        return ""

    def draw(self, dice: Dice, grid: BlockGrid) -> Record:
        """Draw the coefficients of a quadratic polynomial, (M, 5), and state the deviation, (M,)."""
        return {"terms": dice.normal("terms", TERMS), "deviation": np.full(dice.count, self.deviation)}

    def apply(self, sections: Damaged, record: Record) -> Damaged:
        """Multiply the pixels."""
        xp, dtype = sections.xp, sections.pixels.dtype
        a, b = (2 * place / sections.width for place in sections.places())
        terms = xp.concat([a, b, a * b, a * a, b * b])  # (5, P)
        smooth = xp.astype(record["terms"], terms.dtype) @ terms
        smooth = smooth - xp.mean(smooth, axis=1, keepdims=True)
        smooth = smooth / xp.sqrt(xp.mean(smooth * smooth, axis=1, keepdims=True))
        factor = xp.exp(smooth * record["deviation"][:, None])
        return replace(sections, pixels=sections.pixels * xp.astype(factor, dtype))
