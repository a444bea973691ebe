"""Features of sections and volumes for the classical baselines.

A section is described by its pixels and a few statistics of them; a volume by its voxels at a tenth of the edge; and a pair
by how well the intensities of the section match each of 125 cells of the volume (histogram intersection, Swain and Ballard,
"Color Indexing", IJCV 7, 1991). Letters: V volumes, M sections, P pixels of a section, B intensity bins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from atombench.tasks.atom.geometry import BlockGrid

Array = NDArray[np.float32]
LIMITS = np.array([0.02, 0.15, 0.3, 0.45, 0.6, 0.75, 0.9], dtype=np.float32)  # the first bin is background
COARSE = 10  # voxels per axis of the coarse volume
CELLS = 5  # cells per axis


@dataclass(frozen=True)
class Inputs:
    """Inputs of classical methods.

    Attributes:
        pixels: float32 (M, 4sc, 4sc).
        volume_index: (M,), row of `coarse` and `cells`.
        coarse: float32 (V, 1000), the volume averaged to 10^3 voxels.
        cells: float32 (V, 125, B), shares of intensities in each cell of the volume.
        core: edge of the located part of the section, in pixels.
    """

    pixels: Array
    volume_index: NDArray[np.int64]
    coarse: Array
    cells: Array
    core: int

    @classmethod
    def of(cls, volumes: Array, volume_index: NDArray[np.int64], pixels: Array, grid: BlockGrid) -> Inputs:
        """Describe volumes (V, E, E, E) and their sections."""
        coarse = np.stack([_averaged(volume, COARSE).ravel() for volume in volumes])
        cells = np.stack([_cell_shares(volume) for volume in volumes])
        return cls(pixels, volume_index, coarse, cells, grid.core)

    @classmethod
    def joined(cls, parts: Sequence[Inputs]) -> Inputs:
        """Concatenate inputs."""
        first = np.cumsum([0, *(len(part.coarse) for part in parts[:-1])])
        index = np.concatenate([part.volume_index + offset for part, offset in zip(parts, first, strict=True)])
        joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in ("pixels", "coarse", "cells")}
        return cls(volume_index=index, core=parts[0].core, **joined)

    def __len__(self) -> int:
        return len(self.pixels)

    def flat(self) -> Array:
        """Return the pixels of each section; (M, P)."""
        return self.pixels.reshape(len(self.pixels), -1)

    def statistics(self) -> Array:
        """Return mean, deviation, mean gradients, shares of intensities, and centre and width of intensity; float32 (M, 16)."""
        flat = self.flat()
        place = np.linspace(-1, 1, self.pixels.shape[1], dtype=np.float32)
        total = self.pixels.sum(axis=(1, 2)) + np.float32(1e-6)
        across, down = self.pixels.sum(axis=1) / total[:, None], self.pixels.sum(axis=2) / total[:, None]
        moments = [across @ place, down @ place, across @ place**2, down @ place**2]
        gradients = [np.abs(np.diff(self.pixels, axis=axis)).mean(axis=(1, 2)) for axis in (1, 2)]
        columns = np.stack([flat.mean(axis=1), flat.std(axis=1), *gradients, *moments], axis=1)
        return np.concatenate([columns, shares(flat)], axis=1)

    def matches(self) -> Array:
        """Return the share of intensities that the core of each section has in common with each cell; float32 (M, 125)."""
        margin = (self.pixels.shape[1] - self.core) // 2
        inside = slice(margin, margin + self.core)
        own = shares(self.pixels[:, inside, inside].reshape(len(self), -1))
        found = np.zeros((len(self), CELLS**3), dtype=np.float32)
        for number in range(own.shape[1]):
            found += np.minimum(own[:, number, None], self.cells[self.volume_index, :, number])
        return found


def shares(values: Array) -> Array:
    """Return the share of values (M, K) in each intensity bin; float32 (M, B)."""
    bins = np.searchsorted(LIMITS, values, side="right")
    return np.stack([(bins == number).mean(axis=1, dtype=np.float32) for number in range(len(LIMITS) + 1)], axis=1)


def _averaged(volume: Array, edge: int) -> Array:
    size = volume.shape[0] // edge
    return volume.reshape(edge, size, edge, size, edge, size).mean(axis=(1, 3, 5), dtype=np.float32)


def _cell_shares(volume: Array) -> Array:
    """Return the share of intensities in each of 5^3 cells of a volume; (125, B)."""
    size = volume.shape[0] // CELLS
    cells = volume.reshape(CELLS, size, CELLS, size, CELLS, size).transpose(0, 2, 4, 1, 3, 5)
    return shares(cells.reshape(CELLS**3, -1))
