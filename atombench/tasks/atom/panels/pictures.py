"""Pictures of cases as SVG, drawn when the page is built: what a section, its volume and its place look like."""

from __future__ import annotations

import base64
import math

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from atombench.io.images import as_png, from_bytes
from atombench.tasks.atom.audit import Case
from atombench.tasks.atom.geometry import BlockGrid
from atombench.tasks.atom.poses import corner_points

SIDE = 150  # of a plane, in units of the drawing
GAP = 24
PLANES = ((0, 1, 2), (1, 0, 2), (2, 0, 1))  # axis that is cut, axis to the right, axis upwards
AXES = "ijk"
TRUE = "#2a9d5c"
ABOUT = "A section, and three planes of its volume through the place where it was cut, with its outline and a correct box"


def edge_of(case: Case) -> int:
    """Edge of the case's volume."""
    return round(len(base64.b64decode(case.voxels)) ** (1 / 3))


def voxels_of(case: Case) -> NDArray[np.uint8]:
    """Voxels of a case, (E, E, E)."""
    edge = edge_of(case)
    return np.frombuffer(base64.b64decode(case.voxels), np.uint8).reshape(edge, edge, edge)


def pixels_of(text: str) -> NDArray[np.uint8]:
    """Pixels of a section, (S, S), from its bytes."""
    found = from_bytes(text)
    side = math.isqrt(len(found))
    return found.reshape(side, side)


def corners_of(centre: list[float], normal: list[float], grid: BlockGrid) -> NDArray[np.float64]:
    """Corners of a section, in order around it, (4, 3) voxels."""
    found = corner_points(np.array([centre], dtype=float), np.array([normal], dtype=float), grid)[0]
    return found[[0, 1, 3, 2]]


def case_picture(case: Case) -> Markup:
    """A section and its place: the section enlarged, then the planes through its centre, with its outline and a correct box."""
    volume, grid = voxels_of(case), BlockGrid(edge_of(case) // BlockGrid(1).edge)
    corners = corners_of(case.centre, case.normal, grid)
    box = (grid.box_starts[case.boxes[0]], grid.fine_edge) if case.boxes else None
    pixels = pixels_of(case.pixels)
    parts = [_image(pixels, 0, 20, SIDE * 2 // 3), _text(0, "the section")]
    for number, (axis, right, up) in enumerate(PLANES, 1):
        x = number * (SIDE + GAP) - SIDE // 3
        at = int(np.clip(round(case.centre[axis]), 0, grid.edge - 1))
        plane = np.take(volume, at, axis=axis)  # (right, up)
        parts += [_image(plane.T[::-1], x, 20, SIDE), _text(x, f"the volume at {AXES[axis]} = {at}")]
        parts.append(_polygon(_projected(corners, right, up, x, grid.edge), 2.5))
        if box:
            parts.append(_polygon(_projected(_square(*box, right, up), right, up, x, grid.edge), 1, dashed=True))
    width = 4 * (SIDE + GAP) - SIDE // 3 - GAP
    form = Markup('<svg class="case" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>')
    return form.format(width, SIDE + 24, ABOUT, Markup("").join(parts))


def _square(start: NDArray[np.int64], edge: int, right: int, up: int) -> NDArray[np.float64]:
    """Outline of a box, seen along an axis; (4, 3) voxels."""
    corners = np.tile(start - 0.5, (4, 1))
    corners[[1, 2], right] += edge
    corners[[2, 3], up] += edge
    return corners


def _projected(corners: NDArray[np.float64], right: int, up: int, x: int, edge: int) -> list[tuple[float, float]]:
    """Places in the drawing of voxels seen along an axis."""
    size = SIDE / edge
    return [(x + (corner[right] + 0.5) * size, 20 + SIDE - (corner[up] + 0.5) * size) for corner in corners]


def _image(pixels: NDArray[np.uint8], x: float, y: float, side: int) -> Markup:
    form = Markup('<image href="data:image/png;base64,{}" x="{}" y="{}" width="{}" height="{}"/>')
    return form.format(as_png(pixels / 255), x, y, side, side)


def _polygon(points: list[tuple[float, float]], width: float, dashed: bool = False) -> Markup:
    where = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dash = Markup(' stroke-dasharray="5 4"') if dashed else ""
    return Markup('<polygon points="{}" fill="none" stroke="{}" stroke-width="{}"{}/>').format(where, TRUE, width, dash)


def _text(x: float, text: str) -> Markup:
    return Markup('<text x="{}" y="13">{}</text>').format(x, text)
