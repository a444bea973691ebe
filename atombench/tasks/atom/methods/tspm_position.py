"""Baseline `tspm-position`: every pixel of the section is placed in a common space, and a plane is fitted to the places.

After TSPM, the network of partial-volume registration that predicts where a patch lies in the space of a template (code
`ApisXia/PartialMedPreregistration`). All volumes of a dataset must be aligned (same organ, orientation and field), so that
voxel coordinates are that common space: it suits brains in MNI space, and cannot work on cropped volumes of several organs.
It does not see the volume, like `section-only`, but answers with a pose.

As in TSPM: convolutions of 3 with LeakyReLU, widths that double, an L1 loss on positions divided by the edge of the volume.
Deviations: 2D instead of 3D. TSPM predicts one position for each of 100 patches of a large volume; a section is about as
large as one patch, so positions are predicted densely, for every pixel from all pixels: the description of the whole section
is added to the features of each pixel. Instead of a rigid transform by RANSAC over patches, a pose is fitted to all positions
by least squares (`plane_fit`): there are no independent patches among which outliers could be found. No batch normalisation
and no dropout.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from pydantic import Field
from torch import Tensor, nn

from atombench.tasks.atom.geometry import BlockGrid
from atombench.tasks.atom.learning.feed import Batch
from atombench.tasks.atom.learning.scoring import PoseNetwork
from atombench.tasks.atom.methods.encoders import EncoderOptions, SectionConvolutions, start
from atombench.tasks.atom.methods.network import NetworkMethod
from atombench.tasks.atom.methods.plane_fit import exact_points, fitted_poses

SLOPE = 0.01  # of LeakyReLU for negative values, as in TSPM


class PositionOptions(EncoderOptions):
    """Options of `tspm-position`."""

    layers: int = Field(default=3, ge=1, description="convolutions that describe each pixel by its surroundings")


class PositionNetwork(PoseNetwork):
    """Features of the surroundings of each pixel plus those of the whole section there, mapped to a position per pixel."""

    def __init__(self, grid: BlockGrid, options: PositionOptions) -> None:
        super().__init__(grid)
        self.chosen, width = list(range(grid.section**2)), options.width
        widths = [1, *[width] * options.layers]
        layers = [nn.Sequential(nn.Conv2d(a, b, 3, padding=1), nn.LeakyReLU(SLOPE)) for a, b in pairwise(widths)]
        self.pixels = nn.Sequential(*layers).apply(start)
        self.section = SectionConvolutions(grid, options)
        self.spread = nn.Linear(options.hidden, width * len(self.chosen))
        self.head = nn.Sequential(nn.LeakyReLU(SLOPE), nn.Conv2d(width, width, 1), nn.LeakyReLU(SLOPE), nn.Conv2d(width, 3, 1))

    def points(self, pixels: Tensor) -> Tensor:
        """Map sections (M, 4sc, 4sc) to the position of every pixel, float32 (M, (4sc)^2, 3) in voxels."""
        surroundings = self.pixels(pixels[:, None])  # (M, C, 4sc, 4sc)
        whole = self.spread(self.section(pixels)).reshape(surroundings.shape)
        outputs = self.head(surroundings + whole).flatten(2).transpose(1, 2).float()
        points: Tensor = self.grid.edge / 2 * (1 + outputs)
        return points

    def loss(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """Return the L1 distance from the true positions as a share of the edge, summed over axes, mean over pixels."""
        expected = exact_points(batch.centres, batch.normals, self.grid, self.chosen)
        return (self.points(batch.pixels) - expected).abs().sum(dim=2).mean() / self.grid.edge

    def poses(self, volumes: Tensor, volume_index: Tensor, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Return the poses fitted to the positions: centres (M, 3) in voxels and unit normals (M, 3); volumes are ignored."""
        return fitted_poses(self.points(pixels), self.grid, self.chosen)


class TspmPosition(NetworkMethod):
    """Regression of the position of every pixel in the common space."""

    Options = PositionOptions

    def network(self, grid: BlockGrid) -> PositionNetwork:
        """Build the untrained network."""
        return PositionNetwork(grid, self.options)
