"""What a step of degradation is: ranges when it is built, `draw` for a plain record, `apply` for the same result anywhere.

A record is a set of arrays with one row per section. It depends on its key only, and a section's result on its own row only,
so that any step can be replayed or left out, and batches may have any size. Steps change a `Damaged`, in this order: steps
of the plane move the points that pixels show, then the volume is sampled, then steps of the pixels change intensities.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Protocol

import numpy as np
from array_api_compat import array_namespace, device
from numpy.typing import NDArray

from atombench import streams
from atombench.tasks.atom.geometry import AnyArray, BlockGrid, Namespace

SEVERITIES = (1, 2, 3, 4, 5)
ANCHORS = (1, 3, 5)  # severities of the mild, central and severe column in docs/protocol.md
LEAST_MOVE = 0.1  # pixels; smaller displacements cannot be seen

Record = Mapping[str, NDArray[Any]]
"""Parameters of one step: arrays by name, one row per section."""


@dataclass(frozen=True)
class Range:
    """Uniform range of a parameter."""

    low: float
    high: float

    @staticmethod
    def at(severity: int, mild: tuple[float, float], central: tuple[float, float], severe: tuple[float, float]) -> Range:
        """Interpolate between three anchors.

        >>> Range.at(2, (0.0, 1.0), (1.0, 3.0), (5.0, 9.0))
        Range(low=0.5, high=2.0)
        """
        return Range(*(float(np.interp(severity, ANCHORS, ends)) for ends in zip(mild, central, severe, strict=True)))


def between(severity: int, mild: float, central: float, severe: float) -> float:
    """Interpolate a number between three anchors."""
    return float(np.interp(severity, ANCHORS, (mild, central, severe)))


@dataclass(frozen=True)
class Dice:
    """Random numbers of one step, from streams keyed by the step and the name of the parameter."""

    key: tuple[object, ...]
    count: int

    def uniform(self, name: str, within: Range = Range(0.0, 1.0)) -> NDArray[np.float64]:
        """Return a number per section, (M,)."""
        drawn = streams.uniform(self.count, *self.key, name)
        return within.low + (within.high - within.low) * drawn

    def angle(self, name: str) -> NDArray[np.float64]:
        """Return an angle per section in radians, from 0 to 2 pi; (M,)."""
        return self.uniform(name, Range(0.0, 2 * np.pi))

    def normal(self, name: str, *shape: int) -> NDArray[np.float32]:
        """Return standard normal numbers, (M, *shape)."""
        size = int(np.prod(shape))
        return streams.normal(self.count * size, *self.key, name).astype(np.float32).reshape(self.count, *shape)


@dataclass(frozen=True)
class Damaged:
    """M sections of P pixels while they are being damaged.

    Attributes:
        grid: blocks and section size.
        a, b: in-plane offsets of the points shown from the centre of the section, in voxels; (M, P).
        height: their distance from the plane, in voxels; (M, P).
        light: share of light that reaches each pixel: below 1 in folds, 0 where there is no tissue; (M, P).
        pixels: intensities (M, P), once the volume has been sampled.
    """

    grid: BlockGrid
    a: AnyArray
    b: AnyArray
    height: AnyArray
    light: AnyArray
    pixels: AnyArray = None

    @property
    def xp(self) -> Namespace:
        """Namespace of the arrays."""
        return array_namespace(self.a)

    @property
    def width(self) -> int:
        """Edge of the section in pixels."""
        return self.grid.section

    def moved(self, a: AnyArray, b: AnyArray) -> Damaged:
        """Return the same sections with other points."""
        return replace(self, a=a, b=b)

    def turned(self, angle: AnyArray) -> tuple[AnyArray, AnyArray]:
        """Return offsets from the middle of the section along a direction and across it; each (M, P).

        Args:
            angle: direction of each section in radians, (M,).
        """
        cos, sin = self.xp.cos(angle)[:, None], self.xp.sin(angle)[:, None]
        a, b = self.a - MIDDLE, self.b - MIDDLE
        return a * cos + b * sin, b * cos - a * sin

    def turned_back(self, along: AnyArray, across: AnyArray, angle: AnyArray) -> Damaged:
        """Return the sections with points given by offsets as from `turned`."""
        cos, sin = self.xp.cos(angle)[:, None], self.xp.sin(angle)[:, None]
        return self.moved(along * cos - across * sin + MIDDLE, along * sin + across * cos + MIDDLE)

    def places(self) -> tuple[AnyArray, AnyArray]:
        """Return where the pixels lie in the image, from its middle, in pixels, whatever they show; each (1, P)."""
        a, b = (self.xp.asarray(offset, dtype=self.a.dtype, device=device(self.a)) for offset in self.grid.offsets)
        return a[None] - MIDDLE, b[None] - MIDDLE


MIDDLE = -0.5  # offsets run from -n to n - 1


class Step(Protocol):
    """One step of degradation."""

    name: ClassVar[str]

    @classmethod
    def at(cls, severity: int) -> Step:
        """Return the step at a severity from 1 to 5."""

    def unseen(self, grid: BlockGrid) -> str:
        """Return why the step cannot be seen at a size, in which case it does nothing; empty if it can."""

    def draw(self, dice: Dice, grid: BlockGrid) -> Record:
        """Draw the parameters of sections."""

    def apply(self, sections: Damaged, record: Record) -> Damaged:
        """Damage sections; the record has one row for each."""


def moves_too_little(largest: float, grid: BlockGrid) -> str:
    """Return why a step that moves no point farther than this (in pixels) cannot be seen; empty if it can."""
    size = f"{grid.section} x {grid.section} pixels"
    return f"moves no point of {size} by {LEAST_MOVE} pixels" if largest < LEAST_MOVE else ""
