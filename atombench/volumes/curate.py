"""Curation: source volumes of any size become one `VolumeSet` of one size."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from atombench.errors import DataError
from atombench.progress import Progress
from atombench.volumes.volume_set import VolumeSet

MOST_PROBLEMS_SHOWN = 10


@dataclass(frozen=True)
class RawVolume:
    """One source volume: intensities brought to [0, 1], size and spacing (mm, three axes) as in the source."""

    id: str
    group: str
    label: str
    split: str
    array: NDArray[np.float64]
    spacing: NDArray[np.float64]

    def problem(self) -> str | None:
        """Say what makes this volume unusable, if anything does."""
        if self.array.ndim != 3:
            return f"{self.id} has {self.array.ndim} dimensions {self.array.shape}, expected 3"
        if min(self.array.shape) < 2:
            return f"{self.id} has shape {self.array.shape}, expected at least 2 voxels along each axis"
        if not np.isfinite(self.array).all():
            return f"{self.id} holds {np.count_nonzero(~np.isfinite(self.array))} voxels that are NaN or infinite"
        if self.array.min() == self.array.max():
            return f"{self.id} is constant (every voxel is {self.array.flat[0]:g})"
        return None


def resample(array: NDArray[np.float64], edge: int) -> NDArray[np.float32]:
    """Resample to (edge, edge, edge) with a cubic spline, first and last voxel centres staying where they are.

    This is what the code released with the ATOM paper does (`scipy.ndimage.zoom`, order 3, no smoothing before).
    """
    factors = [edge / length for length in array.shape]
    return ndimage.zoom(array, factors, order=3).astype(np.float32)


def curate(dataset: str, raw: Iterable[RawVolume], edge: int) -> VolumeSet:
    """Check and resample all volumes of a dataset.

    Args:
        dataset: name of the registry row.
        raw: the source volumes.
        edge: voxels along one side of the result.

    Raises:
        DataError: there is no volume, or some are unusable; all of them are named in one message.
    """
    kept: list[RawVolume] = []
    resampled: list[NDArray[np.float32]] = []
    problems: list[str] = []
    with Progress(None, f"curate {dataset}", "volume") as progress:
        for volume in raw:
            progress.advance()
            if found := volume.problem():
                problems.append(found)
                continue
            kept.append(volume)
            resampled.append(resample(volume.array, edge))
    if problems:
        more = len(problems) - MOST_PROBLEMS_SHOWN
        shown = "; ".join(problems[:MOST_PROBLEMS_SHOWN]) + (f"; and {more} more" if more > 0 else "")
        msg = f"{dataset}: {len(problems)} unusable volumes: {shown}"
        raise DataError(msg)
    if not kept:
        msg = f"{dataset}: no volumes found"
        raise DataError(msg)
    steps = [(np.array(volume.array.shape) - 1) / (edge - 1) for volume in kept]
    return VolumeSet(
        dataset=dataset,
        volumes=np.stack(resampled),
        ids=tuple(volume.id for volume in kept),
        groups=tuple(volume.group for volume in kept),
        labels=tuple(volume.label for volume in kept),
        splits=tuple(volume.split for volume in kept),
        spacing=np.stack([volume.spacing * step for volume, step in zip(kept, steps, strict=True)]),
    )
