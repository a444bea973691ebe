"""Where a section lies: the typed result of `locate`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from atombench.locating.planes import Planes
from atombench.locating.scan import Scan
from atombench.locating.section_image import SectionImage

Array = NDArray[np.float64]
FEWEST_PIXELS = 120  # of the smallest sections that the probabilities were fitted to: 12 x 12, less some at the border
AMBIGUOUS = 0.8  # a best pose with less probability is called ambiguous


@dataclass(frozen=True)
class Location:
    """The most likely poses of a section in a scan.

    Attributes:
        scan: the scan.
        section: the section.
        planes: distinct poses, the most likely first; N of them.
        probabilities: probability of each pose, that the true centre is near it; they add up to less than 1, (N,).
        near: distance in mm that counts as near.
        calibrated_on: data that the probabilities were calibrated on, for the reader.
        method: how candidates were found.
        similarity: name of the measure of similarity.
        pixels: number of pixels that were compared at the finest resolution.
    """

    scan: Scan
    section: SectionImage
    planes: Planes
    probabilities: Array
    near: float
    calibrated_on: str
    method: str
    similarity: str
    pixels: int

    @property
    def centre_mm(self) -> Array:
        """Centre of the most likely pose in scanner mm (right, anterior, superior), (3,)."""
        return self.planes.centres[0]

    @property
    def centre_voxel(self) -> Array:
        """The same in voxels of the scan as stored, counted from 0, (3,)."""
        return self.scan.to_voxels(self.centre_mm)

    @property
    def normal(self) -> Array:
        """Unit vector across the plane, towards a viewer who sees the section mirrored; scanner space, (3,)."""
        return self.planes.axes[0, :, 2]

    @property
    def probability(self) -> float:
        """Probability that the centre is within `near` mm of the true one."""
        return float(self.probabilities[0])

    @property
    def is_ambiguous(self) -> bool:
        """Whether the most likely pose is not likely enough to rely on, or the section too small to know."""
        return self.probability < AMBIGUOUS or self.is_small

    @property
    def is_small(self) -> bool:
        """Whether the section is smaller than those that the probabilities were fitted to, so that they are too high."""
        return self.pixels < FEWEST_PIXELS

    def corners_mm(self, number: int = 0) -> Array:
        """Return the outer corners of a pose in scanner mm, clockwise from the upper left as the image is shown; (4, 3)."""
        height, width = self.section.size_mm / 2
        offsets = np.array([[-width, -height], [width, -height], [width, height], [-width, height]])
        return self.planes.take(slice(number, number + 1)).points(offsets)[0]

    def pixel_to_mm(self, number: int = 0) -> Array:
        """Return the affine from (column, row, 0) of the section's pixels to scanner mm, float64 (4, 4)."""
        axes, (down, across) = self.planes.axes[number], self.section.pixel_mm
        affine = np.eye(4)
        affine[:3, :3] = axes * [across, down, min(across, down)]
        height, width = self.section.pixels.shape
        affine[:3, 3] = self.planes.centres[number] - affine[:3, :2] @ [(width - 1) / 2, (height - 1) / 2]
        return affine

    def resliced(self, number: int = 0) -> NDArray[np.float32]:
        """Return what the scan shows at the section's pixels, interpolated linearly; (H, W)."""
        from scipy.ndimage import map_coordinates

        height, width = self.section.pixels.shape
        rows, columns = np.mgrid[:height, :width].reshape(2, -1)
        pixels = np.stack([columns, rows, np.zeros_like(rows)], axis=1)
        affine = self.pixel_to_mm(number)
        voxels = self.scan.to_voxels(pixels @ affine[:3, :3].T + affine[:3, 3])
        found: NDArray[np.float32] = map_coordinates(self.scan.voxels, voxels.T, order=1, cval=self.scan.background).reshape(
            height, width
        )
        return found

    def probability_map(self) -> NDArray[np.float32]:
        """Return the probability of each voxel of the scan to hold the centre; it adds up to at most 1, (I, J, K).

        The probability of each pose is spread as a Gaussian of which two standard deviations are `near`.
        """
        shape: tuple[int, ...] = self.scan.voxels.shape
        found = np.zeros(shape, np.float32)
        spread = max(self.near / 2, float(self.scan.spacing.max()) / 2)
        for centre, probability in zip(self.planes.centres, self.probabilities, strict=True):
            middle, reach = (
                np.round(self.scan.to_voxels(centre)).astype(int),
                np.ceil(4 * spread / self.scan.spacing).astype(int),
            )
            part = tuple(
                slice(max(0, at - far), max(0, min(length, at + far + 1)))
                for at, far, length in zip(middle, reach, shape, strict=True)
            )
            indices = np.stack(np.meshgrid(*(np.arange(side.start, side.stop) for side in part), indexing="ij"), axis=-1)
            squared = ((self.scan.to_mm(indices.astype(np.float64)) - centre) ** 2).sum(axis=-1)
            density = np.exp(-squared / (2 * spread**2))
            if density.sum() > 0:
                found[part] += probability * density / density.sum()
        return found
