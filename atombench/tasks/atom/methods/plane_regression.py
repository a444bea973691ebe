"""Baseline `plane-regression`: three corner points of the section, nine numbers, regressed from section and volume.

DeepSlice (Carey et al., "DeepSlice: rapid fully automatic registration of mouse brain imaging to a volumetric atlas", Nat
Commun 14:5884, 2023) regresses nine numbers of a plane: a corner and the two edges. SVRnet (Hou et al., "3-D Reconstruction
in Canonical Co-ordinate Space From Arbitrarily Oriented 2-D Images", IEEE TMI 37(8), 2018) and PlaneInVol (Yeung et al.,
"Learning to map 2D ultrasound images into 3D space with minimal human annotation", Med Image Anal 70:101998, 2021) regress
three points of it. Both state the same nine numbers; the loss on points needs no weights between shift and rotation, so it is
used here: the mean distance of the three corners of the core, divided by the scale.

Deviations: DeepSlice uses Xception and the others VGG16, all on images of hundreds of pixels and in the space of one atlas;
here both the section and its volume are encoded by the small convolutions of `joint-cnn`, because every query has a volume of
its own. There are no ensembles and no corrections along a series of sections. The loss is the distance rather than its
square, so that ambiguous sections count less. The pose is fitted to the points (`plane_fit`), and the platform derives the
boxes from it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from atombench.tasks.atom.geometry import BlockGrid
from atombench.tasks.atom.learning.feed import Batch
from atombench.tasks.atom.learning.scoring import PoseNetwork
from atombench.tasks.atom.methods.encoders import EncoderOptions, JointEncoder
from atombench.tasks.atom.methods.network import NetworkMethod
from atombench.tasks.atom.methods.plane_fit import exact_points, fitted_poses

POINTS = 3


class PlaneNetwork(PoseNetwork):
    """Both encoders, and a perceptron whose nine outputs are three points relative to the middle of the volume."""

    def __init__(self, grid: BlockGrid, options: EncoderOptions) -> None:
        super().__init__(grid)
        self.chosen = grid.corners[:POINTS]
        self.encoder = JointEncoder(grid, options, 3 * POINTS)

    def points(self, volumes: Tensor, volume_index: Tensor, pixels: Tensor) -> Tensor:
        """Return the three points, float32 (M, 3, 3) in voxels."""
        outputs = self.encoder(volumes, volume_index, pixels).float().unflatten(1, (POINTS, 3))
        points: Tensor = self.grid.edge / 2 * (1 + outputs)
        return points

    def loss(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """Return the mean distance of the points from the true ones, divided by the scale."""
        expected = exact_points(batch.centres, batch.normals, self.grid, self.chosen)
        found = self.points(batch.volumes, batch.volume_index, batch.pixels)
        return (found - expected).norm(dim=2).mean() / self.grid.scale

    def poses(self, volumes: Tensor, volume_index: Tensor, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Return the poses fitted to the points: centres (M, 3) in voxels and unit normals (M, 3)."""
        return fitted_poses(self.points(volumes, volume_index, pixels), self.grid, self.chosen)


class PlaneRegression(NetworkMethod):
    """Regression of three points of the plane."""

    Options = EncoderOptions

    def network(self, grid: BlockGrid) -> PlaneNetwork:
        """Build the untrained network."""
        return PlaneNetwork(grid, self.options)
