"""Blur of the volume: a scanner's voxel is much wider than what a section shows of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from atombench.tasks.atom.degradation.step import between

FWHM = 2 * math.sqrt(2 * math.log(2))  # of a Gaussian with standard deviation 1


@dataclass(frozen=True)
class Blur:
    """Blur the volumes that are searched, not the sections, with a Gaussian.

    Attributes:
        fwhm: its full width at half maximum, in voxels.
    """

    fwhm: float

    name: ClassVar[str] = "blur"

    @classmethod
    def at(cls, severity: int) -> Blur:
        """Return the step at a severity."""
        return cls(between(severity, 0.5, 1, 2))

    def apply(self, volumes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return blurred volumes (N, E, E, E); outside, they continue with their border values."""
        deviation = self.fwhm / FWHM
        return np.stack([ndimage.gaussian_filter(volume, deviation, mode="nearest") for volume in volumes])
