"""Contrast of a stain: a falling curve of the intensity, a second curve, and texture that the volume does not show.

Stained sections and MRI share more information than their weak correlation suggests: tissues that are dark, or bright, in one
image may be of medium brightness in the other. The second curve, a parabola uncorrelated with the first, stands for that.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from atombench.tasks.atom.degradation.step import Damaged, Dice, Range, Record, between
from atombench.tasks.atom.geometry import AnyArray, BlockGrid, Namespace
from atombench.volumes.volume_set import BACKGROUND

GREY, SPREAD = 0.5, 0.18  # mean and standard deviation of stained tissue
TINY = 1e-6
EXPONENTS = Range(-0.7, 0.7)  # logarithms: exponents from 0.5 to 2


@dataclass(frozen=True)
class Contrast:
    """Replace the contrast of tissue; the background stays 0.

    Attributes:
        correlation: size of the correlation of the tissue's pixels with a falling curve of the volume's, from 0 to 1 (cell
            stains against MRI: 0.2 to 0.6).
        bend: correlation with the second curve; the squares of both sum to less than 1.
        exponent: logarithm of the exponent of the curve.
    """

    correlation: float
    bend: float
    exponent: Range

    name: ClassVar[str] = "contrast"

    @classmethod
    def at(cls, severity: int) -> Contrast:
        """Return the step at a severity."""
        return cls(between(severity, 0.8, 0.4, 0.2), between(severity, 0.4, 0.7, 0.5), EXPONENTS)

    def unseen(self, grid: BlockGrid) -> str:
        """Return an empty text: a change of contrast can always be seen."""
        return ""

    def draw(self, dice: Dice, grid: BlockGrid) -> Record:
        """Draw the exponent (M,) and the texture (M, P), and state the correlations with both curves, each (M,)."""
        exponent = np.exp(dice.uniform("exponent", self.exponent))
        texture = dice.normal("texture", grid.section**2)
        correlations = {"correlation": np.full(dice.count, self.correlation), "bend": np.full(dice.count, self.bend)}
        return {"exponent": exponent, "texture": texture, **correlations}

    def apply(self, sections: Damaged, record: Record) -> Damaged:
        """Mix both standardised curves with standardised texture that is uncorrelated with them, within the tissue."""
        xp, pixels = sections.xp, sections.pixels
        tissue = xp.astype(pixels > BACKGROUND, pixels.dtype)
        curve = -(xp.clip(pixels, TINY, 1.0) ** xp.astype(record["exponent"], pixels.dtype)[:, None])
        curve = _standardised(xp, curve, tissue)
        bent = _without(xp, curve * curve, curve, tissue)
        texture = _without(xp, xp.astype(record["texture"], pixels.dtype), curve, tissue)
        texture = _without(xp, texture, bent, tissue)
        r, bend = (xp.astype(record[name], pixels.dtype)[:, None] for name in ("correlation", "bend"))
        stained = GREY + SPREAD * (r * curve + bend * bent + xp.sqrt(1 - r * r - bend * bend) * texture)
        return replace(sections, pixels=xp.clip(stained, 0.0, 1.0) * tissue)


def _without(xp: Namespace, values: AnyArray, other: AnyArray, tissue: AnyArray) -> AnyArray:
    """Return standardised values without the part that is correlated with others, which are standardised; all (M, P)."""
    values = _standardised(xp, values, tissue)
    count = xp.clip(xp.sum(tissue, axis=1, keepdims=True), 1.0, None)
    shared = xp.sum(values * other, axis=1, keepdims=True) / count
    return _standardised(xp, values - shared * other, tissue)


def _standardised(xp: Namespace, values: AnyArray, tissue: AnyArray) -> AnyArray:
    """Return values (M, P) with mean 0 and variance 1 over the tissue of each section, and 0 outside it."""
    count = xp.clip(xp.sum(tissue, axis=1, keepdims=True), 1.0, None)
    centred = (values - xp.sum(values * tissue, axis=1, keepdims=True) / count) * tissue
    variance = xp.sum(centred * centred, axis=1, keepdims=True) / count
    return centred / xp.sqrt(xp.clip(variance, TINY**2, None))
