"""Curation: source volumes of any size become one `VolumeSet` of one size."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from atombench.errors import DataError
from atombench.progress import Progress
from atombench.volumes.volume_set import VolumeSet

SPACING_MM = (1e-4, 100.0)  # what a voxel of a tissue image may measure


@dataclass(frozen=True)
class RawVolume:
    """One source volume: intensities brought to [0, 1], size and spacing (mm, three axes) as in the source.

    `facts` is what else is known of it, under the same names for all volumes of a dataset.
    """

    id: str
    group: str
    label: str
    split: str
    array: NDArray[np.float64]
    spacing: NDArray[np.float64]
    source: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What to call it in a message: its file, if it has one of its own."""
        return self.source or self.id

    def problem(self) -> str | None:
        """Say what makes this volume unusable, if anything does."""
        if self.array.ndim != 3:
            return f"{self.name} has {self.array.ndim} dimensions {self.array.shape}, expected 3"
        if min(self.array.shape) < 2:
            return f"{self.name} has shape {self.array.shape}, expected at least 2 voxels along each axis"
        low, high = SPACING_MM
        if not (np.isnan(self.spacing) | (self.spacing >= low) & (self.spacing <= high)).all():
            found = " x ".join(f"{length:g}" for length in self.spacing)
            return f"{self.name} has voxels of {found} mm, expected {low:g} to {high:g} mm along each axis"
        if not np.isfinite(self.array).all():
            return f"{self.name} holds {np.count_nonzero(~np.isfinite(self.array))} voxels that are NaN or infinite"
        if self.array.min() == self.array.max():
            return f"{self.name} is constant (every voxel is {self.array.flat[0]:g} after scaling)"
        return None


@dataclass(frozen=True)
class Problem:
    """Something wrong with a source, in words that name the file."""

    text: str


def resample(array: NDArray[np.float64], edge: int) -> NDArray[np.float32]:
    """Resample to (edge, edge, edge) with a cubic spline, first and last voxel centres staying where they are.

    This is what the code released with the ATOM paper does (`scipy.ndimage.zoom`, order 3, no smoothing before).
    """
    factors = [edge / length for length in array.shape]
    return ndimage.zoom(array, factors, order=3).astype(np.float32)


def curate(
    dataset: str, raw: Iterable[RawVolume | Problem], edge: int, mixed_shapes: bool = False, restricted: bool = False
) -> VolumeSet:
    """Check and resample all volumes of a dataset.

    Args:
        dataset: name of the registry row.
        raw: the source volumes, and what a reader found wrong.
        edge: voxels along one side of the result.
        mixed_shapes: whether volumes of different shapes are meant.
        restricted: whether volumes and subjects get other names, since their own may not be passed on.

    Raises:
        DataError: there is no volume, or something is wrong with some; everything is named in one message.
    """
    kept: list[RawVolume] = []  # without their voxels, which may not all fit into memory
    shapes: list[tuple[int, ...]] = []
    resampled: list[NDArray[np.float32]] = []
    problems: list[str] = []
    with Progress(None, f"curate {dataset}", "volume") as progress:
        for volume in raw:
            progress.advance()
            if found := volume.text if isinstance(volume, Problem) else volume.problem():
                problems.append(found)
            elif isinstance(volume, RawVolume):
                kept.append(replace(volume, array=np.empty((0, 0, 0))))
                shapes.append(volume.array.shape)
                resampled.append(resample(volume.array, edge))
    if not mixed_shapes:
        problems += odd_shapes(kept, shapes)
    if problems:
        raise DataError(listed(dataset, problems))
    if not kept:
        msg = f"{dataset}: no volumes found"
        raise DataError(msg)
    steps = [(np.array(shape) - 1) / (edge - 1) for shape in shapes]
    return VolumeSet(
        dataset=dataset,
        volumes=np.stack(resampled),
        ids=tuple(pseudonym(volume.id) if restricted else volume.id for volume in kept),
        groups=tuple(pseudonym(volume.group) if restricted else volume.group for volume in kept),
        labels=tuple(volume.label for volume in kept),
        splits=tuple(volume.split for volume in kept),
        spacing=np.stack([volume.spacing * step for volume, step in zip(kept, steps, strict=True)]),
        facts={name: tuple(volume.facts[name] for volume in kept) for name in kept[0].facts},
    )


def pseudonym(name: str) -> str:
    """Another name, always the same for the same one."""
    return "x" + hashlib.sha256(f"atombench pseudonym {name}".encode()).hexdigest()[:12]


def odd_shapes(volumes: list[RawVolume], shapes: list[tuple[int, ...]]) -> list[str]:
    """Name the volumes whose shape is not the commonest one."""
    common = Counter(shapes).most_common(1)[0][0] if shapes else ()
    return [
        f"{volume.name} has shape {shape}, most have {common} (`mixed_shapes: true` in the row if that is meant)"
        for volume, shape in zip(volumes, shapes, strict=True)
        if shape != common
    ]


def listed(dataset: str, problems: list[str]) -> str:
    """Message that lists all problems of a dataset, one in a line."""
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    return "\n  ".join([f"{dataset}: {count}", *problems])
