"""Curation: check source volumes of any size and resample them to cubes of one size."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from atombench.errors import DataError
from atombench.progress import Progress
from atombench.volumes.raw_volume import Problem, RawVolume, listed
from atombench.volumes.volume_set import VolumeSet

FAINT = 0.02  # intensities below are not tissue but, for the most part, ripple of the cubic spline


@dataclass(frozen=True)
class _Resampled:
    """A resampled volume and its source, without the source's voxels (all of them may not fit into memory)."""

    source: RawVolume
    shape: tuple[int, ...]
    voxels: NDArray[np.float32]  # (E, E, E)
    contrasts: Mapping[str, NDArray[np.float32]]

    @property
    def step(self) -> NDArray[np.float64]:
        """Source voxels per resampled voxel along each axis, (3,)."""
        return (np.array(self.shape) - 1) / (len(self.voxels) - 1)


def resample(array: NDArray[np.float64], edge: int) -> NDArray[np.float32]:
    """Resample to (edge, edge, edge) with a cubic spline; the centres of the first and last voxels stay in place.

    This is what the code released with the ATOM paper does (`scipy.ndimage.zoom`, order 3, no smoothing before).
    """
    factors = [edge / length for length in array.shape]
    return ndimage.zoom(array, factors, order=3).astype(np.float32)


def zeroed(volumes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return volumes (N, E, E, E) with all intensities below `FAINT` set to 0."""
    return np.where(volumes < FAINT, np.float32(0), volumes)


def resampled_affine(affine: NDArray[np.float64] | None, step: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the affine of a resampled volume; (4, 4), NaN where that of the source is unknown.

    Args:
        affine: source voxel to world mm, (4, 4).
        step: source voxels per resampled voxel along each axis, (3,).
    """
    return np.full((4, 4), np.nan) if affine is None else affine @ np.diag([*step, 1.0])


def curate(
    dataset: str, raw: Iterable[RawVolume | Problem], edge: int, mixed_shapes: bool = False, restricted: bool = False
) -> VolumeSet:
    """Check and resample all volumes of a dataset.

    Args:
        dataset: name of the registry row.
        raw: the source volumes, and the problems that the reader found.
        edge: voxels along each axis of the result.
        mixed_shapes: whether source volumes of different shapes are accepted.
        restricted: whether to replace the names of volumes and subjects by pseudonyms.

    Raises:
        DataError: there is no volume or some cannot be used; the message lists every problem.
    """
    kept, problems = _resample_all(dataset, raw, edge)
    if not mixed_shapes:
        problems += odd_shapes([volume.source for volume in kept], [volume.shape for volume in kept])
    if problems:
        raise DataError(listed(dataset, problems))
    if not kept:
        msg = f"{dataset}: no volumes found"
        raise DataError(msg)
    return _assemble(dataset, kept, restricted)


def _resample_all(dataset: str, raw: Iterable[RawVolume | Problem], edge: int) -> tuple[list[_Resampled], list[str]]:
    """Resample the usable volumes; return them and the problems of the others."""
    kept: list[_Resampled] = []
    problems: list[str] = []
    with Progress(None, f"curate {dataset}", "volume") as progress:
        for volume in raw:
            progress.advance()
            if isinstance(volume, Problem):
                problems.append(volume.text)
            elif problem := volume.problem():
                problems.append(problem)
            else:
                without_voxels = replace(volume, array=np.empty((0, 0, 0)), contrasts={})
                contrasts = {name: resample(array, edge) for name, array in volume.contrasts.items()}
                kept.append(_Resampled(without_voxels, volume.array.shape, resample(volume.array, edge), contrasts))
    return kept, problems


def _assemble(dataset: str, kept: list[_Resampled], restricted: bool) -> VolumeSet:
    sources = [volume.source for volume in kept]
    return VolumeSet(
        dataset=dataset,
        volumes=np.stack([volume.voxels for volume in kept]),
        ids=tuple(pseudonym(source.id) if restricted else source.id for source in sources),
        groups=tuple(pseudonym(source.group) if restricted else source.group for source in sources),
        labels=tuple(source.label for source in sources),
        splits=tuple(source.split for source in sources),
        spacing=np.stack([volume.source.spacing * volume.step for volume in kept]),
        facts={name: tuple(source.facts[name] for source in sources) for name in sources[0].facts},
        affines=np.stack([resampled_affine(volume.source.affine, volume.step) for volume in kept]),
        contrasts={name: np.stack([volume.contrasts[name] for volume in kept]) for name in kept[0].contrasts},
    )


def pseudonym(name: str) -> str:
    """Return a name that hides the given one; the same name always gets the same pseudonym."""
    return "x" + hashlib.sha256(f"atombench pseudonym {name}".encode()).hexdigest()[:12]


def odd_shapes(volumes: list[RawVolume], shapes: list[tuple[int, ...]]) -> list[str]:
    """Return a problem for each volume that does not have the most common shape."""
    common = Counter(shapes).most_common(1)[0][0] if shapes else ()
    return [
        f"{volume.name} has shape {shape}, most have {common} (set `mixed_shapes: true` in the row if this is intended)"
        for volume, shape in zip(volumes, shapes, strict=True)
        if shape != common
    ]
