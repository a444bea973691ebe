"""Test queries: the parts of the test sections that a method may see, without anything that reveals labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atombench import streams
from atombench.errors import ConfigError, unknown_name
from atombench.records.board import CLEAN
from atombench.tasks.atom.geometry import BlockGrid
from atombench.tasks.atom.labels import Labels
from atombench.tasks.atom.manifest import Manifest, check_belongs
from atombench.tasks.atom.protocol import PROTOCOL
from atombench.tasks.atom.secret import public_gathering
from atombench.tasks.atom.sections import cut
from atombench.tasks.task import Asked
from atombench.volumes.curated import Curated


@dataclass(frozen=True)
class Queries:
    """Sections to be located (M queries into N volumes).

    Queries are grouped by volume and shuffled within each volume, because the order of the sampler would reveal positions.

    Attributes:
        grid: blocks, volume edge and section size.
        gathering: gathering of the board, which is public.
        volumes: float32 (N, E, E, E), test volumes.
        volume_index: int64 (M,), row in `volumes` of the volume that each section was cut from.
        pixels: float32 (M, 4s, 4s), sections.
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
    shuffled = streams.permutation(len(volume), PROTOCOL, "query order", manifest.digest)
    return shuffled[np.argsort(volume[shuffled], kind="stable")]


def make_queries(data: Curated, manifest: Manifest) -> Queries:
    """Cut the test sections.

    Raises:
        DataError: the manifest was drawn for other volumes.
    """
    check_belongs(data.index.digest, manifest)
    rows = manifest.volume_rows("test")
    sections = manifest.parts["test"].take(query_order(manifest))
    volume_index = np.searchsorted(rows, sections.volume)
    chosen = data.volumes().volumes[rows]
    pixels = cut(chosen, volume_index, sections.points(manifest.grid), manifest.grid)
    return Queries(manifest.grid, public_gathering(manifest.gathering), chosen, volume_index, pixels)


def ask(data: Curated, manifest: Manifest, condition: str = CLEAN) -> Asked:
    """Return the test queries under a condition, and the row of the test part that each shows.

    Raises:
        DataError: the manifest was drawn for other volumes.
        ConfigError: the condition is unknown.
    """
    if condition != CLEAN:
        raise ConfigError(unknown_name("condition of atom", condition, [CLEAN]))
    queries = make_queries(data, manifest)
    return Asked(queries, query_order(manifest), arrays_of(queries))


def arrays_of(queries: Queries) -> dict[str, NDArray[Any]]:
    """Return the arrays that submitters receive, by name."""
    return {"volume_index": queries.volume_index, "volumes": queries.volumes, "pixels": queries.pixels}


def query_labels(data: Curated, manifest: Manifest) -> Labels:
    """Return labels of the test sections in the order of the queries; for the built-in oracle only, never for a method."""
    return manifest.parts["test"].take(query_order(manifest)).labels(manifest.grid)
