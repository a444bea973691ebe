"""Noise of the scanner that digitises the slide."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from atombench.tasks.atom.degradation.step import Damaged, Dice, Record, between
from atombench.tasks.atom.geometry import BlockGrid


@dataclass(frozen=True)
class Noise:
    """Add Gaussian noise with a standard deviation in units of the intensity, and clip to [0, 1]."""

    deviation: float

    name: ClassVar[str] = "noise"

    @classmethod
    def at(cls, severity: int) -> Noise:
        """Return the step at a severity."""
        return cls(between(severity, 0.02, 0.05, 0.1))

    def unseen(self, grid: BlockGrid) -> str:
        """Return an empty text: noise can always be seen."""
        return ""

    def draw(self, dice: Dice, grid: BlockGrid) -> Record:
        """Draw the noise of every pixel, (M, P)."""
        return {"noise": dice.normal("noise", grid.section**2) * np.float32(self.deviation)}

    def apply(self, sections: Damaged, record: Record) -> Damaged:
        """Add the noise."""
        xp = sections.xp
        noise = xp.astype(record["noise"], sections.pixels.dtype)
        return replace(sections, pixels=xp.clip(sections.pixels + noise, 0.0, 1.0))
