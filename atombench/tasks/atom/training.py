"""Training data of methods: training and validation sections with labels, and their volumes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from atombench.tasks.atom.geometry import BlockGrid
from atombench.tasks.atom.manifest import Manifest, Sections, check_belongs
from atombench.tasks.atom.secret import public_gathering
from atombench.volumes.curated import Curated


@dataclass(frozen=True)
class Training:
    """Training data of a method.

    Attributes:
        grid: blocks, volume edge and section size.
        gathering: gathering of the board, without the suffix of secret boards.
        volumes: float32 (N, E, E, E), training and validation volumes only.
        train: training sections; `volume` indexes `volumes`.
        val: validation sections; likewise.
    """

    grid: BlockGrid
    gathering: str
    volumes: NDArray[np.float32]
    train: Sections
    val: Sections


def make_training(data: Curated, manifest: Manifest) -> Training:
    """Return the training and validation sections and their volumes, with volume indices adjusted.

    Raises:
        DataError: the manifest was drawn for other volumes.
    """
    check_belongs(data.index.digest, manifest)
    rows = manifest.volume_rows("train", "val")
    new_row = np.full(len(data.index.ids), -1)
    new_row[rows] = np.arange(len(rows))

    def reindexed(sections: Sections) -> Sections:
        return Sections(new_row[sections.volume].astype(np.int32), sections.index, sections.centres, sections.normals)

    train, val = reindexed(manifest.parts["train"]), reindexed(manifest.parts["val"])
    volumes = data.volumes().volumes[rows]
    return Training(manifest.grid, public_gathering(manifest.gathering), volumes, train, val)
