"""Candidates of a search: the sections of a volume at a set of positions and orientations.

The voxels of a candidate are those of its centre plus offsets. Offsets are rounded together with the centre, half to even, so
that they depend on the orientation only, except where a coordinate of a point lies halfway between two voxels. Orientations
with such points have a table of offsets for each axis, with a row for each coordinate that a centre may have.

Letters: O orientations, C positions, E edge of the volume, W edge of the section, P points of a section that are compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import max_pool3d

from atombench.tasks.atom.geometry import BlockGrid, lattice, section_points
from atombench.tasks.atom.uniform import TISSUE
from atombench.volumes.volume_set import BACKGROUND

HALFWAY = 1e-6  # voxels; points that are closer to halfway between two voxels are rounded with their centre
NORMALS_AT_ONCE = 256


def every_position(grid: BlockGrid, step: int = 1) -> NDArray[np.int64]:
    """Return the voxels of a volume, or every `step`-th along each axis, in the order of the array; (C, 3)."""
    along = np.arange((grid.edge - 1) % step // 2, grid.edge, step)
    return np.stack(np.meshgrid(along, along, along, indexing="ij"), axis=-1).reshape(-1, 3)


def distinct_orientations(normals: NDArray[np.float64], grid: BlockGrid) -> NDArray[np.float64]:
    """Remove normals that show the same voxels around every centre as an earlier normal.

    Rounding half to even depends on the parity of the centre's coordinates. As each coordinate of a point depends on the same
    coordinate of the centre only, patterns are compared for two centres, with even and with odd coordinates.
    """
    parities = np.array([[0, 0, 0], [1, 1, 1]])
    patterns = [
        section_points(np.tile(parities, (len(part), 1)), np.repeat(part, 2, axis=0), grid)
        .astype(np.int16)
        .reshape(len(part), -1)
        for part in np.split(normals, range(NORMALS_AT_ONCE, len(normals), NORMALS_AT_ONCE))
    ]
    numbers: dict[bytes, int] = {}
    for number, pattern in enumerate(np.concatenate(patterns)):
        numbers.setdefault(pattern.tobytes(), number)
    return normals[list(numbers.values())]


@dataclass(frozen=True)
class Lattices:
    """Offsets of the points of all candidates, the same for every volume.

    Attributes:
        grid: volume edge and section size.
        normals: float64 (O, 3), any positive length.
        centres: integers (C, 3), voxels inside the volume.
        device: torch device of the searches.
        spacing: only every `spacing`-th row and column of the section is compared.
    """

    grid: BlockGrid
    normals: NDArray[np.float64]
    centres: NDArray[np.int64]
    device: str = "cpu"
    spacing: int = 1

    @cached_property
    def pixels(self) -> NDArray[np.int64]:
        """Indices of the pixels that are compared, among all of the section; (W / spacing, W / spacing)."""
        width = self.grid.section
        return np.arange(width**2).reshape(width, width)[:: self.spacing, :: self.spacing]

    @cached_property
    def core(self) -> Tensor | None:
        """Indices of the points of the section's core, among those compared; None if it has no others."""
        inside = np.isin(self.pixels.ravel(), self.grid.core_points)
        return None if inside.all() else torch.from_numpy(np.flatnonzero(inside)).to(self.device)

    @cached_property
    def margin(self) -> int:
        """Number of voxels around the volume that sections may reach."""
        return int(np.ceil(self.grid.section / np.sqrt(2))) + 1

    @cached_property
    def strides(self) -> NDArray[np.int64]:
        """Steps of the flat index along the axes of a padded volume; (3,)."""
        wide = self.grid.edge + 2 * self.margin
        return np.array([wide**2, wide, 1])

    @cached_property
    def base(self) -> Tensor:
        """Flat index of every centre in a padded volume; int32 (C,), as longer integers take longer to add and to read."""
        return torch.from_numpy(((self.centres + self.margin) @ self.strides).astype(np.int32)).to(self.device)

    @cached_property
    def offsets(self) -> Tensor:
        """Flat offsets of the points of every orientation, wrong for those in `halfway`; (O, P)."""
        parts = range(0, len(self.normals), NORMALS_AT_ONCE)
        rounded = [np.round(self._exact(slice(first, first + NORMALS_AT_ONCE))).astype(np.int64) for first in parts]
        flat = np.concatenate([np.einsum("a,oap->op", self.strides, part) for part in rounded])
        return torch.from_numpy(flat.astype(np.int32)).to(self.device)

    @cached_property
    def halfway(self) -> dict[int, list[Tensor]]:
        """Flat offsets by orientation, for each axis and each coordinate of a centre on it; three tensors (E, P) each."""
        parts = range(0, len(self.normals), NORMALS_AT_ONCE)
        near = [self._near_halfway(self._exact(slice(first, first + NORMALS_AT_ONCE))) for first in parts]
        return {int(number): self._tables(self.normals[number]) for number in np.flatnonzero(np.concatenate(near))}

    @cached_property
    def coordinates(self) -> Tensor:
        """Centres as a tensor, (C, 3)."""
        return torch.from_numpy(self.centres).to(self.device)

    def _exact(self, part: slice) -> NDArray[np.float64]:
        found: NDArray[np.float64] = lattice(self.normals[part], self.grid)
        return found[:, :, self.pixels.ravel()]

    @staticmethod
    def _near_halfway(points: NDArray[np.float64]) -> NDArray[np.bool_]:
        near: NDArray[np.bool_] = np.any(np.abs(points - np.floor(points) - 0.5) < HALFWAY, axis=(1, 2))
        return near

    def _tables(self, normal: NDArray[np.float64]) -> list[Tensor]:
        along = np.arange(self.grid.edge)
        diagonal = np.repeat(along[:, None], 3, axis=1)
        points = section_points(diagonal, np.broadcast_to(normal, diagonal.shape), self.grid)[:, :, self.pixels.ravel()]
        flat = ((points - diagonal[:, :, None]) * self.strides[:, None]).astype(np.int32)  # (E, 3, P)
        return [torch.from_numpy(flat[:, axis].copy()).to(self.device) for axis in range(3)]

    def voxels(self, orientation: int, positions: slice | Tensor) -> Tensor:
        """Return the flat index of every point of candidates in a padded volume; (candidates, P).

        Args:
            orientation: number of the orientation.
            positions: which of the C positions.
        """
        base = self.base[positions][:, None]
        if orientation not in self.halfway:
            return base + self.offsets[orientation]
        centres = self.coordinates[positions]
        for axis, table in enumerate(self.halfway[orientation]):
            base = base + table[centres[:, axis]]
        return base


class Candidates:
    """Sections of one volume at all positions and orientations, or those of them that show tissue.

    Args:
        volume: float32 (E, E, E).
        lattices: positions and orientations.
        tissue_only: leave out candidates that show no tissue, as on boards of sections with tissue. With spacing, candidates
            are left out if the compared pixels show less than half of the tissue that is needed, or if there is none near.
    """

    def __init__(self, volume: NDArray[np.float32], lattices: Lattices, tissue_only: bool) -> None:
        self.lattices, self.tissue_only = lattices, tissue_only
        self.voxels = torch.from_numpy(np.pad(volume, lattices.margin).ravel()).to(lattices.device)
        self.numbers = self._numbers(torch.from_numpy(volume).to(lattices.device))

    def __len__(self) -> int:
        """Return the number of positions that are compared."""
        return len(self.numbers)

    def _numbers(self, volume: Tensor) -> Tensor:
        """Return the numbers of all positions, or of those that some tissue is near enough to be shown, if there are any."""
        lattices = self.lattices
        if self.tissue_only:
            shown = _near_tissue(volume, lattices.grid)[tuple(lattices.coordinates.T)].nonzero()[:, 0]
            if len(shown):
                return shown
        return torch.arange(len(lattices.centres), device=lattices.device)

    def sections(self, orientation: int, part: slice | Tensor) -> tuple[Tensor, Tensor]:
        """Return the candidates of one orientation at some of the compared positions.

        Returns:
            Pixels float32 (n, W / spacing, W / spacing) and the numbers of their positions (n,), ascending.
        """
        lattices = self.lattices
        numbers = self.numbers[part]
        core, index = lattices.core, lattices.voxels(orientation, numbers)
        pixels = self.voxels.index_select(0, index.ravel()).reshape(index.shape)
        if self.tissue_only:
            judged = pixels if core is None else pixels[:, core]
            shown = (show_tissue(judged) if lattices.spacing == 1 else may_show_tissue(judged)).nonzero()[:, 0]
            pixels, numbers = pixels[shown], numbers[shown]
        return pixels.reshape(-1, *lattices.pixels.shape), numbers


def _near_tissue(volume: Tensor, grid: BlockGrid) -> Tensor:
    """Return which voxels of (E, E, E) have tissue so near that a section there may show enough of it; bool (E, E, E).

    If the share TISSUE of the core's pixels, one half, shows tissue, then so does one of the nearest half and one more.
    """
    distances = np.sort(np.hypot(*grid.offsets)[grid.core_points.ravel()])
    reach = int(distances[int((1 - TISSUE) * len(distances))] + 0.5)  # along any axis, after rounding
    near = (volume > BACKGROUND).float()[None]
    for axis in range(3):
        size, padding = [1, 1, 1], [0, 0, 0]
        size[axis], padding[axis] = 2 * reach + 1, reach
        near = max_pool3d(near, size, stride=1, padding=padding)
    return near[0] > 0


def show_tissue(pixels: Tensor) -> Tensor:
    """Return which cores (n, P) show tissue, as `atombench.tasks.atom.uniform.show_tissue` does for arrays; bool (n,)."""
    shown = _share_of_tissue(pixels) >= TISSUE
    rows = (shown & (pixels[:, 0] == pixels[:, -1])).nonzero()[:, 0]  # few, so that only few are compared throughout
    shown[rows] = (pixels[rows] != pixels[rows, :1]).any(dim=1)
    return shown


def may_show_tissue(pixels: Tensor) -> Tensor:
    """Return which cores may show tissue, judged by some of their pixels (n, P); bool (n,)."""
    return _share_of_tissue(pixels) >= TISSUE / 2


def _share_of_tissue(pixels: Tensor) -> Tensor:
    """Return the share of the pixels (n, P) that are tissue, (n,); a product is several times faster than a mean."""
    tissue = (pixels > BACKGROUND).float()
    return tissue @ tissue.new_ones(pixels.shape[1]) / pixels.shape[1]
