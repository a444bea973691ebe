"""Test queries: the parts of the test sections that a method may see, without anything that reveals labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atombench import streams
from atombench.records.board import CLEAN
from atombench.tasks.atom.degradation.conditions import contrast_of
from atombench.tasks.atom.degradation.damage import Degradation, Records
from atombench.tasks.atom.geometry import BlockGrid
from atombench.tasks.atom.labels import Labels
from atombench.tasks.atom.manifest import Manifest, check_belongs
from atombench.tasks.atom.protocol import FIRST
from atombench.tasks.atom.secret import public_gathering
from atombench.tasks.task import Asked
from atombench.volumes.curated import Curated


@dataclass(frozen=True)
class Queries:
    """Sections to be located (M queries into N volumes).

    Queries are grouped by volume and shuffled within each volume, because the order of the sampler would reveal positions.

    Attributes:
        grid: blocks, volume edge and section size.
        gathering: gathering of the board, which is public.
        volumes: float32 (N, E, E, E), test volumes (blurred under some conditions).
        volume_index: int64 (M,), row in `volumes` of the volume that each section was cut from.
        pixels: float32 (M, 4sc, 4sc), sections (damaged under most conditions).
    """

    grid: BlockGrid
    gathering: str
    volumes: NDArray[np.float32]
    volume_index: NDArray[np.int64]
    pixels: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.pixels)

    def of_volume(self, volume: int) -> slice:
        """Return the slice of one volume's queries."""
        first, last = np.searchsorted(self.volume_index, [volume, volume + 1])
        return slice(int(first), int(last))


def query_order(manifest: Manifest) -> NDArray[np.int64]:
    """Return the row of the manifest's test part that each query shows; (M,)."""
    volume = manifest.parts["test"].volume
    shuffled = streams.permutation(len(volume), FIRST, "query order", manifest.digest)
    return shuffled[np.argsort(volume[shuffled], kind="stable")]


def make_queries(data: Curated, manifest: Manifest, condition: str = CLEAN) -> Queries:
    """Cut the test sections, from another contrast if the condition says so, and damage them.

    Raises:
        DataError: the manifest was drawn for other volumes, or they do not have the contrast.
        ConfigError: the condition is unknown.
    """
    check_belongs(data.index.digest, manifest)
    grid, rows = manifest.grid, manifest.volume_rows("test")
    order = query_order(manifest)
    sections = manifest.parts["test"].take(order)
    volume_index = np.searchsorted(rows, sections.volume)
    searched = data.volumes().volumes[rows]
    degradation, records = damage_of(manifest, condition)
    poses = (volume_index, sections.centres, sections.normals)
    pixels = degradation.apply(cut_from(data, condition)[rows], *poses, grid, records.take(order))
    return Queries(grid, public_gathering(manifest.gathering), degradation.blurred(searched), volume_index, pixels)


def cut_from(data: Curated, condition: str) -> NDArray[np.float32]:
    """Return the volumes (N, E, E, E) that the sections of a condition are cut from.

    Raises:
        DataError: the dataset does not have the contrast.
    """
    return data.volumes().in_contrast(contrast_of(condition))


def damage_of(manifest: Manifest, condition: str) -> tuple[Degradation, Records]:
    """Return the steps of a condition, and their records for the test sections in the order of the manifest.

    Raises:
        ConfigError: the condition is unknown.
    """
    degradation = Degradation.under(condition, manifest.grid)
    return degradation, degradation.draw(len(manifest.parts["test"]), manifest.grid, manifest.digest)


def ask(data: Curated, manifest: Manifest, condition: str = CLEAN) -> Asked:
    """Return the test queries under a condition, and the row of the test part that each shows.

    Raises:
        DataError: the manifest was drawn for other volumes, or they do not have the contrast of the condition.
        ConfigError: the condition is unknown.
    """
    queries = make_queries(data, manifest, condition)
    return Asked(queries, query_order(manifest), arrays_of(queries))


def arrays_of(queries: Queries) -> dict[str, NDArray[Any]]:
    """Return the arrays that submitters receive, by name."""
    return {"volume_index": queries.volume_index, "volumes": queries.volumes, "pixels": queries.pixels}


def query_labels(data: Curated, manifest: Manifest) -> Labels:
    """Return labels of the test sections in the order of the queries; for the built-in oracle only, never for a method."""
    return manifest.parts["test"].take(query_order(manifest)).labels(manifest.grid)
