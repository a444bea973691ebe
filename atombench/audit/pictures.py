"""Contact sheet: the three middle planes of a few volumes of each split."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from atombench.io.images import as_png
from atombench.volumes.volume_set import SPLITS, VolumeSet

SHOWN_PER_SPLIT = 6
TILE = 60  # pixels
GAP = 2


def contact_sheet(volumes: VolumeSet) -> str:
    """Return a PNG in base64: one column per volume (training, validation, test) with the middle planes of axes i, j, k."""
    columns: list[NDArray[np.floating]] = []
    for split in SPLITS:
        rows = volumes.rows(split)
        chosen = rows[np.linspace(0, len(rows) - 1, min(SHOWN_PER_SPLIT, len(rows))).astype(int)]
        columns += [np.concatenate(_planes(volumes.volumes[row])) for row in chosen]
        columns.append(np.zeros((3 * (TILE + GAP), 2 * GAP)))
    return as_png(np.concatenate(columns[:-1], axis=1))


def _planes(volume: NDArray[np.float32]) -> list[NDArray[np.floating]]:
    """Return the middle planes, with their second axis upwards, enlarged by a whole factor; (TILE + GAP, TILE + GAP) each."""
    middle, repeat = len(volume) // 2, max(TILE // len(volume), 1)
    planes = []
    for axis in range(3):
        plane = np.take(volume, middle, axis=axis).T[::-1]
        large = np.kron(plane, np.ones((repeat, repeat), np.float32))[:TILE, :TILE]
        planes.append(np.pad(large, ((0, TILE + GAP - large.shape[0]), (0, TILE + GAP - large.shape[1]))))
    return planes
