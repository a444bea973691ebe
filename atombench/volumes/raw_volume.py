"""One source volume as a reader gives it to curation, or the problem found instead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

SPACING_MM = (1e-4, 100.0)  # plausible voxel sizes of a tissue image


@dataclass(frozen=True)
class RawVolume:
    """One source volume.

    Attributes:
        id: name of the volume, unique in its dataset.
        group: name of the subject.
        label: label in the dataset, empty where unknown.
        split: `train`, `val` or `test`.
        array: float64 (I, J, K), intensities scaled to [0, 1].
        spacing: float64 (3,), mm per voxel along each axis; NaN where unknown.
        source: file that holds the volume, empty if the file holds others too.
        facts: further properties, under the same names for all volumes of a dataset.
        affine: float64 (4, 4), voxel of `array` to world mm (right, anterior, superior); None where unknown.
        contrasts: the same tissue in other contrasts, by name, on the grid of `array`.
    """

    id: str
    group: str
    label: str
    split: str
    array: NDArray[np.float64]
    spacing: NDArray[np.float64]
    source: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    affine: NDArray[np.float64] | None = None
    contrasts: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Name for messages: the file if the volume has one of its own, else the id."""
        return self.source or self.id

    def problem(self) -> str | None:
        """Return why the volume cannot be used, or None if it can."""
        if self.array.ndim != 3:
            return f"{self.name} has {self.array.ndim} dimensions {self.array.shape}, expected 3"
        if min(self.array.shape) < 2:
            return f"{self.name} has shape {self.array.shape}, expected at least 2 voxels along each axis"
        low, high = SPACING_MM
        if not (np.isnan(self.spacing) | (self.spacing >= low) & (self.spacing <= high)).all():
            sizes = " x ".join(f"{length:g}" for length in self.spacing)
            return f"{self.name} has voxels of {sizes} mm, expected {low:g} to {high:g} mm along each axis"
        if self.affine is not None and (self.affine.shape != (4, 4) or not np.isfinite(self.affine).all()):
            return f"{self.name} has an affine of shape {self.affine.shape}, expected 4 x 4 finite numbers"
        if not np.isfinite(self.array).all():
            return f"{self.name} holds {np.count_nonzero(~np.isfinite(self.array))} voxels that are NaN or infinite"
        if self.array.min() == self.array.max():
            return f"{self.name} is constant (every voxel is {self.array.flat[0]:g} after scaling)"
        return self._contrast_problem()

    def _contrast_problem(self) -> str | None:
        for contrast, array in self.contrasts.items():
            if array.shape != self.array.shape:
                return f"{self.name}: contrast {contrast} has shape {array.shape}, expected {self.array.shape}"
            if not np.isfinite(array).all() or array.min() == array.max():
                return f"{self.name}: contrast {contrast} is constant or holds voxels that are NaN or infinite"
        return None


@dataclass(frozen=True)
class Problem:
    """A problem with a source file; the text names the file."""

    text: str


def listed(dataset: str, problems: list[str]) -> str:
    """Return a message that lists all problems of a dataset, one per line."""
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    return "\n  ".join([f"{dataset}: {count}", *problems])
