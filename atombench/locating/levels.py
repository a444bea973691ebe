"""Scan and section at one resolution: isotropic voxels along the axes of scanner space, and square pixels of the same size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import affine_transform, gaussian_filter

from atombench.locating.scan import Scan

BLUR = 0.35  # standard deviation of the blur before resampling to pixels of one unit, if voxels were infinitely small
FEWEST = 7  # pixels along the shorter side of the section on the coarsest level
MOST = 48  # pixels along the longer side of the section on the finest level
LONGEST = 2.0  # longer side as a multiple of the shorter one, of the middle part that is compared on the coarsest level
MOST_VOXELS = 12_000_000  # of a level


@dataclass(frozen=True)
class Level:
    """A scan and a section at one resolution.

    Attributes:
        spacing: mm per voxel and per pixel.
        volume: float32 (X, Y, Z).
        origin: centre of the first voxel in scanner mm, (3,).
        section: float32 (H, W).
    """

    spacing: float
    volume: NDArray[np.float32]
    origin: NDArray[np.float64]
    section: NDArray[np.float32]

    @property
    def offsets(self) -> NDArray[np.float64]:
        """Positions of the pixels in the section's plane in mm from its centre, along columns and rows, (H * W, 2)."""
        height, width = self.section.shape
        down, right = np.mgrid[:height, :width].reshape(2, -1)
        return np.stack([right - (width - 1) / 2, down - (height - 1) / 2], axis=1) * self.spacing


def levels_of(scan: Scan, section: NDArray[np.float32], pixel: Sequence[float] | NDArray[np.float64]) -> list[Level]:
    """Return levels from coarse to fine, each with half the spacing of the one before.

    Args:
        scan: the scan.
        section: (H, W).
        pixel: mm per pixel along rows and along columns of the array.
    """
    lengths = np.array(section.shape) * np.asarray(pixel, np.float64)
    finest = max(float(scan.spacing.min()), float(max(pixel)), lengths.max() / MOST)
    extent = scan_extent(scan)
    finest = max(finest, float((np.prod(extent[1] - extent[0]) / MOST_VOXELS) ** (1 / 3)))
    spacing = max(finest, lengths.min() / FEWEST)
    spacings = [spacing]
    while spacings[-1] / 2 >= 0.99 * finest:
        spacings.append(spacings[-1] / 2)
    if spacings[-1] > 1.3 * finest:
        spacings.append(finest)
    return [Level(one, *resampled_scan(scan, one), resampled_section(section, pixel, one)) for one in spacings]


def scan_extent(scan: Scan) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the least and greatest coordinates of the voxels' centres in scanner mm, (3,) each."""
    corners = np.stack(np.meshgrid(*[(0, length - 1) for length in scan.voxels.shape], indexing="ij"), axis=-1).reshape(-1, 3)
    points = scan.to_mm(corners.astype(np.float64))
    return points.min(axis=0), points.max(axis=0)


def resampled_scan(scan: Scan, spacing: float) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Return the voxels of a scan, less its background, at a spacing in mm, and the centre of the first one in scanner mm."""
    low, high = scan_extent(scan)
    counts = np.maximum(np.ceil((high - low) / spacing).astype(int), 1) + 1
    origin = (low + high) / 2 - (counts - 1) / 2 * spacing
    inverse = np.linalg.inv(scan.affine)
    blurred = gaussian_filter(above_background(scan), blur(spacing, scan.spacing), mode="nearest")
    start = inverse[:3, :3] @ origin + inverse[:3, 3]
    found = affine_transform(blurred, inverse[:3, :3] * spacing, start, tuple(counts), order=1, mode="constant")
    return found.astype(np.float32), origin


def above_background(scan: Scan) -> NDArray[np.float32]:
    """Return the voxels as stored, less the background; 0 is then what lies outside."""
    return np.maximum(scan.voxels - np.float32(scan.background), 0)


def resampled_section(
    section: NDArray[np.float32], pixel: Sequence[float] | NDArray[np.float64], spacing: float
) -> NDArray[np.float32]:
    """Return as many square pixels of a size in mm as fit into a section, about the same centre."""
    sizes = np.asarray(pixel, np.float64)
    shape = np.maximum(np.floor(np.array(section.shape) * sizes / spacing + 1e-6).astype(int), 1)
    step = spacing / sizes
    start = (np.array(section.shape) - 1) / 2 - (shape - 1) / 2 * step
    blurred = gaussian_filter(section, blur(spacing, sizes), mode="nearest")
    found = affine_transform(blurred, step, start, tuple(shape), order=1, mode="nearest")
    return found.astype(np.float32)


def blur(spacing: float, sizes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return standard deviations in pixels for resampling to a larger spacing, (n,)."""
    return BLUR * np.sqrt(np.maximum((spacing / sizes) ** 2 - 1, 0))
