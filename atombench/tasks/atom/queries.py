"""Test queries: what a method may see of the test sections, and nothing from which labels follow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from atombench import PROTOCOL, streams
from atombench.errors import DataError
from atombench.tasks.atom.geometry import BlockGrid
from atombench.tasks.atom.labels import Labels
from atombench.tasks.atom.manifest import Manifest
from atombench.tasks.atom.secret import public_gathering
from atombench.tasks.atom.sections import cut
from atombench.volumes.volume_set import VolumeSet


@dataclass(frozen=True)
class Queries:
    """Sections to be located (M queries into N volumes).

    Queries of one volume stand together, in a shuffled order, since the sampler's own order would give positions away.

    Attributes:
        grid: blocks, volume edge and section size.
        gathering: how sections were gathered, public knowledge.
        volumes: float32 (N, E, E, E), the test volumes.
        volume_index: int64 (M,), which of them each section was cut from.
        pixels: float32 (M, 4s, 4s).
    """

    grid: BlockGrid
    gathering: str
    volumes: NDArray[np.float32]
    volume_index: NDArray[np.int64]
    pixels: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.pixels)

    def of_volume(self, volume: int) -> slice:
        """Positions of one volume's queries."""
        first, last = np.searchsorted(self.volume_index, [volume, volume + 1])
        return slice(int(first), int(last))


def query_order(manifest: Manifest) -> NDArray[np.int64]:
    """Row of the manifest's test part that each query shows; (M,)."""
    volume = manifest.parts["test"].volume
    shuffled = streams.permutation(len(volume), PROTOCOL, "query order", manifest.digest)
    return shuffled[np.argsort(volume[shuffled], kind="stable")]


def make_queries(volumes: VolumeSet, manifest: Manifest) -> Queries:
    """Cut the test sections.

    Raises:
        DataError: the manifest was made for other volumes.
    """
    check_belongs(volumes, manifest)
    rows = manifest.volume_rows("test")
    sections = manifest.parts["test"].take(query_order(manifest))
    place = np.searchsorted(rows, sections.volume)
    chosen = volumes.volumes[rows]
    pixels = cut(chosen, place, sections.points(manifest.grid), manifest.grid)
    return Queries(manifest.grid, public_gathering(manifest.gathering), chosen, place, pixels)


def query_labels(manifest: Manifest) -> Labels:
    """Labels of the test sections in the order of the queries; for the platform's own oracle, never for a method."""
    return manifest.parts["test"].take(query_order(manifest)).labels(manifest.grid)


def check_belongs(volumes: VolumeSet, manifest: Manifest) -> None:
    """Make sure that a manifest was made for these volumes.

    Raises:
        DataError: it was not; both digests are named.
    """
    if manifest.volumes_digest != volumes.digest:
        msg = (
            f"the manifest of {manifest.dataset} was made for volumes {manifest.volumes_digest}, got {volumes.digest}; "
            "run the split step again"
        )
        raise DataError(msg)
