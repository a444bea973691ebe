"""A random line across the section, along which it is torn or folded."""

from __future__ import annotations

import numpy as np

from atombench.tasks.atom.degradation.step import Damaged, Dice, Range, Record
from atombench.tasks.atom.geometry import AnyArray, BlockGrid

LEAST_WIDTH = 0.25  # pixels; a narrower band cannot be seen


def draw_line(dice: Dice, probability: float, width: Range, grid: BlockGrid) -> Record:
    """Draw whether a section has a band, its direction (radians), distance from the middle and width (pixels); each (M,)."""
    return {
        "present": dice.uniform("present") < probability,
        "angle": dice.angle("angle"),
        "distance": dice.uniform("distance", Range(-grid.section / 3, grid.section / 3)),
        "width": dice.uniform("width", width) * grid.section,
    }


def beyond(sections: Damaged, record: Record) -> AnyArray:
    """Return how far each pixel of the image lies beyond the line, in pixels; (M, P)."""
    xp = sections.xp
    a, b = sections.places()
    angle = record["angle"][:, None]
    distance: AnyArray = a * xp.cos(angle) + b * xp.sin(angle) - record["distance"][:, None]
    return distance


def covered(distance: AnyArray, first: AnyArray, last: AnyArray, sections: Damaged) -> AnyArray:
    """Return which share of a pixel's width lies between two distances; all (M, P) or (M, 1)."""
    xp = sections.xp
    share: AnyArray = xp.clip(xp.minimum(distance + 0.5, last) - xp.maximum(distance - 0.5, first), 0.0, 1.0)
    return share


def too_narrow(width: Range, probability: float, grid: BlockGrid) -> str:
    """Return why a band cannot be seen at a size; empty if it can."""
    if not probability:
        return "does not occur at this severity"
    size = f"{grid.section} x {grid.section} pixels"
    return f"is narrower than {LEAST_WIDTH} pixels of {size}" if width.high * grid.section < LEAST_WIDTH else ""


def along_normal(sections: Damaged, record: Record, by: AnyArray) -> Damaged:
    """Show points that lie farther along the line's normal, by a number of voxels (M, P)."""
    xp, angle = sections.xp, record["angle"][:, None]
    return sections.moved(sections.a + by * xp.cos(angle), sections.b + by * xp.sin(angle))


def only_present(record: Record, values: AnyArray, sections: Damaged) -> AnyArray:
    """Return values (M, P) of sections that have a band, and 0 of the others."""
    return sections.xp.where(record["present"][:, None], values, np.float64(0) * values)
