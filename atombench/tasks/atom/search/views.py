"""Views of a volume: the volume itself, its mirror image, and both moved by half a cell of the network.

A network does not give them equal features, so that the sum of the scores in several views is a better score of a pose.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from atombench.tasks.atom.geometry import BlockGrid, plane

A = (np.array([1.0]), np.array([0.0]))  # offsets (a, b) of the direction of columns
MIRRORED_TURNS = (0, 3, 2, 1, 4, 7, 6, 5)  # the turn of a section's mirror image, for each turn of the section


@dataclass(frozen=True)
class View:
    """One view.

    Attributes:
        grid: volume edge and section size.
        mirrored: whether the volume is mirrored along the first axis.
        shift: voxels by which it is then moved along each axis.
    """

    grid: BlockGrid
    mirrored: bool
    shift: int

    def volume(self, volume: Tensor) -> Tensor:
        """Return the view of a volume (E, E, E), of the same shape; a move loses the last voxels along each axis."""
        seen = volume.flip(0) if self.mirrored else volume
        edge = self.grid.edge
        return pad(seen, (self.shift, 0) * 3)[:edge, :edge, :edge]

    def poses(self, centres: Tensor, normals: Tensor) -> tuple[Tensor, Tensor]:
        """Return the poses in the view, whose sections `pixels` mirrors if the view is mirrored; centres and normals (N, 3).

        A mirrored section shows the same points if its centre is moved by one voxel, because columns reach from -n/2 to
        n/2 - 1.
        """
        if not self.mirrored:
            return centres + self.shift, normals
        flipped = normals * normals.new_tensor([-1, 1, 1])
        there = torch.cat([self.grid.edge - 1 - centres[:, :1], centres[:, 1:]], dim=1)
        return there + plane(flipped, A)[:, :, 0] + self.shift, flipped

    def pixels(self, pixels: Tensor) -> Tensor:
        """Return sections (M, W, W) as they look in the view."""
        return pixels.flip(2) if self.mirrored else pixels

    def turned(self, features: Tensor) -> Tensor:
        """Return features (T, M, F) of sections in the view in the order of the turns of the sections themselves."""
        return features[list(MIRRORED_TURNS)] if self.mirrored else features


def views_of(grid: BlockGrid, count: int) -> list[View]:
    """Return the first `count` views; at scale 1, where a cell is a voxel, there are two."""
    shifts = [0, grid.scale // 2] if grid.scale > 1 else [0]
    return [View(grid, mirrored, shift) for shift in shifts for mirrored in (False, True)][:count]
