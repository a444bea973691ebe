"""Where the centre of a section may lie: in the organ, and in a box or mask that the user knows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from atombench.errors import DataError
from atombench.locating.levels import Level, resampled_scan, scan_extent
from atombench.locating.scan import Scan, read_scan
from atombench.locating.section_image import SectionImage

BACKGROUND = 0.15  # of the range of intensities; darker voxels are outside the organ, or cavities in it
LONGEST_SHAPE = 8  # longer side of a section as a multiple of the shorter one
TOO_LARGE = 1.2  # a section is too large if even its shorter side is longer than the organ, times this
EXTENT_GRID = 48  # voxels along the longest side of the scan, to measure the organ
MOST_PARTS = 7  # along each side of a voxel, that are compared with a mask
FEWEST_VOXELS = 3  # of the scan along the shorter side of a section

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Region:
    """A box or a mask in scanner space.

    Attributes:
        low: least right, anterior and superior coordinates in mm, (3,).
        high: greatest coordinates in mm, (3,).
        mask: image that is not 0 inside; None for a box.
    """

    low: Array
    high: Array
    mask: Scan | None = None

    def contains(self, points: Array) -> NDArray[np.bool_]:
        """Return which points in scanner mm (N, 3) lie inside, (N,)."""
        inside = ((points >= self.low) & (points <= self.high)).all(axis=1)
        if self.mask is not None:
            values = ndimage.map_coordinates(self.mask.voxels, self.mask.to_voxels(points).T, order=0, cval=0.0)
            inside &= values != 0
        return np.asarray(inside, dtype=bool)

    def touches(self, points: Array, side: float) -> NDArray[np.bool_]:
        """Return which cubes about points in scanner mm (N, 3), with sides of some mm, reach into it, (N,)."""
        half = side / 2
        if self.mask is None:
            return np.asarray(((points >= self.low - half) & (points <= self.high + half)).all(axis=1), dtype=bool)
        count = min(MOST_PARTS, int(np.ceil(side / float(self.mask.spacing.min()))) + 1)
        steps = np.linspace(-half, half, count)
        moves = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, 3)
        inside = np.zeros(len(points), dtype=bool)
        for move in moves:
            inside |= self.contains(points + move)
        return inside

    def nearest(self, points: Array) -> Array:
        """Return the points in scanner mm (N, 3), each moved to the nearest one inside."""
        if self.mask is None:
            return np.clip(points, self.low, self.high)
        inside = self.mask.to_mm(np.argwhere(self.mask.voxels != 0).astype(np.float64))
        moved, outside = points.copy(), ~self.contains(points)
        moved[outside] = inside[cKDTree(inside).query(points[outside])[1]]
        return moved

    @staticmethod
    def read_box(text: str) -> Region:
        """Read a box from its least and greatest coordinate along each axis: R1 R2 A1 A2 S1 S2 in mm.

        Raises:
            DataError: these are not six numbers, or a greatest one is not greater than the least one.

        >>> Region.read_box("-10 10 0 40 5 25").contains(np.array([[0.0, 1, 6], [0, 1, 26]])).tolist()
        [True, False]
        """
        try:
            ends = np.array([float(word) for word in text.replace(",", " ").split()])
        except ValueError:
            ends = np.empty(0)
        if ends.shape != (6,) or not np.isfinite(ends).all() or (ends[::2] >= ends[1::2]).any():
            msg = f"a box needs six numbers in mm, the smaller one of each pair first (R1 R2 A1 A2 S1 S2), got {text!r}"
            raise DataError(msg)
        return Region(ends[::2], ends[1::2])

    @staticmethod
    def of_mask(path: Path) -> Region:
        """Read a mask from an image in the scan's scanner space; its grid may be another one.

        Raises:
            DataError: the image cannot be read, or is the same everywhere.
        """
        return Region(np.full(3, -np.inf), np.full(3, np.inf), read_scan(path))


def organ_mask(volume: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return the voxels of the organ (X, Y, Z), with its cavities.

    Voxels brighter than the background, without small spots; cavities and gaps are filled in slices along each axis.
    """
    low, high = np.percentile(volume, [1, 98])
    bright = volume > low + BACKGROUND * (high - low)
    if not bright.any():
        return np.ones(volume.shape, dtype=bool)
    labels, count = ndimage.label(bright)
    if count > 1:
        sizes = np.bincount(labels.ravel())[1:]
        bright = np.isin(labels, 1 + np.flatnonzero(sizes >= 0.05 * sizes.max()))
    filled = ndimage.binary_closing(np.pad(bright, 1), iterations=1)[1:-1, 1:-1, 1:-1] | bright
    for axis in range(3):
        slices = [ndimage.binary_fill_holes(part) for part in np.moveaxis(filled, axis, 0)]
        filled = filled | np.moveaxis(np.stack(slices), 0, axis)
    return np.asarray(filled, dtype=bool)


def allowed_centres(level: Level, region: Region | None) -> NDArray[np.bool_]:
    """Return the voxels of the coarsest level at which the centre may lie, (X, Y, Z).

    Raises:
        DataError: the organ and the region do not overlap.
    """
    allowed = organ_mask(level.volume)
    if region is None:
        return allowed
    where = np.argwhere(allowed)
    points = where * level.spacing + level.origin
    inside = region.touches(points, level.spacing)
    if not inside.any():
        msg = (
            "the region does not overlap with the organ in the scan, which reaches from "
            f"{_listed(points.min(axis=0))} to {_listed(points.max(axis=0))} mm (right, anterior, superior)"
        )
        raise DataError(msg)
    allowed[tuple(where[~inside].T)] = False
    return allowed


def check_sizes(scan: Scan, section: SectionImage) -> None:
    """Check that the section is not larger than the organ and covers enough voxels to be found.

    Raises:
        DataError: the section has another size.
    """
    low, high = scan_extent(scan)
    step = max(float((high - low).max()) / EXTENT_GRID, float(scan.spacing.min()))
    organ = np.asarray(_extent(organ_mask(resampled_scan(scan, step)[0])) * step, np.float64)
    shortest, measures = float(section.size_mm.min()), f"{section.source} measures {_times(section.size_mm[::-1])} mm"
    longer = float(section.size_mm.max())
    if longer > LONGEST_SHAPE * shortest:
        msg = f"{measures}; one side must not be more than {LONGEST_SHAPE} times as long as the other; crop the image"
        raise DataError(msg)
    advice = "check the size of its pixels (--mm-per-pixel)"
    if shortest > TOO_LARGE * organ.max():
        msg = f"{measures}, but the organ in the scan only {_times(organ)} mm; {advice}"
        raise DataError(msg)
    if shortest < FEWEST_VOXELS * float(scan.spacing.min()):
        msg = f"{measures}, less than {FEWEST_VOXELS} voxels of the scan ({_times(scan.spacing)} mm) along one side; {advice}"
        raise DataError(msg)


def _extent(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the voxels along each axis that a mask reaches over, (3,)."""
    where = np.argwhere(mask)
    found: NDArray[np.int64] = where.max(axis=0) - where.min(axis=0) + 1
    return found


def _times(lengths: Array) -> str:
    return " x ".join(f"{length:.3g}" for length in lengths)


def _listed(point: Array) -> str:
    return "(" + ", ".join(f"{value:.0f}" for value in point) + ")"
