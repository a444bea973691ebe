"""Controls `section-only` and `volume-only`: networks that see one of the two inputs.

The score of `section-only` can be reached without the volume, by learning the usual positions and their usual tissue. The
score of `volume-only` can be reached without the section; since all volumes are sampled alike, it measures knowledge of the
sampler. A method that locates sections must exceed both.

Both score the 27 blocks and the 729 boxes by one linear layer each, trained with ASL on all labels. Letters: V volumes, M
sections, C width.
"""

from __future__ import annotations

from abc import abstractmethod
from itertools import pairwise

import torch
from pydantic import Field
from torch import Tensor, nn

from atombench.tasks.atom.geometry import BLOCKS, BOXES, BlockGrid
from atombench.tasks.atom.learning.feed import Batch
from atombench.tasks.atom.learning.losses import asymmetric_loss
from atombench.tasks.atom.learning.scoring import Network
from atombench.tasks.atom.methods.network import NetworkMethod
from atombench.tasks.atom.methods.units import AttentionOptions

SECTION_PATCHES = 4


class OneInputOptions(AttentionOptions):
    """Options of both controls."""

    layers: int = Field(default=2, ge=1, description="transformer units on the section, hidden layers on the volume")


class OneInputNetwork(Network):
    """Features of one input, and linear scores of all blocks and boxes."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.coarse = nn.Linear(width, BLOCKS)
        self.boxes = nn.Linear(width, BOXES)

    @abstractmethod
    def features(self, volumes: Tensor, volume_index: Tensor, pixels: Tensor) -> Tensor:
        """Return the features (M, C) of the input; arguments as in `Network.scores`."""

    def loss(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """Return the ASL over all blocks and over all boxes."""
        features = self.norm(self.features(batch.volumes, batch.volume_index, batch.pixels))
        coarse = asymmetric_loss(self.coarse(features), batch.labels.coarse)
        boxes = asymmetric_loss(self.boxes(features), batch.labels.boxes)
        return (coarse + boxes).mean()

    def scores(self, volumes: Tensor, volume_index: Tensor, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Return probabilities of blocks (M, 27) and boxes (M, 729)."""
        features = self.norm(self.features(volumes, volume_index, pixels))
        return torch.sigmoid(self.coarse(features)), torch.sigmoid(self.boxes(features))


class SectionOnlyNetwork(OneInputNetwork):
    """Four patches of the section, transformer units, their mean."""

    def __init__(self, grid: BlockGrid, options: OneInputOptions) -> None:
        super().__init__(options.width)
        patch = grid.section // 2
        self.patch = nn.Conv2d(1, options.width, kernel_size=patch, stride=patch)
        self.position = nn.Parameter(torch.zeros(SECTION_PATCHES, options.width))
        nn.init.trunc_normal_(self.position, std=0.02)
        unit = nn.TransformerEncoderLayer(
            options.width, options.heads, 4 * options.width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.units = nn.TransformerEncoder(unit, options.layers, enable_nested_tensor=False)

    def features(self, volumes: Tensor, volume_index: Tensor, pixels: Tensor) -> Tensor:
        """Return the features (M, C) of the sections; volumes are ignored."""
        patches = self.patch(pixels[:, None]).flatten(2).transpose(1, 2)  # (M, 4, C)
        features: Tensor = self.units(patches + self.position).mean(dim=1)
        return features


class VolumeOnlyNetwork(OneInputNetwork):
    """The volume averaged to 20^3 voxels, through a perceptron."""

    def __init__(self, grid: BlockGrid, options: OneInputOptions) -> None:
        super().__init__(options.width)
        self.shrink = nn.AvgPool3d(grid.scale)
        widths = [BlockGrid(1).edge ** 3, *[options.width] * options.layers]
        layers = [nn.Sequential(nn.Linear(a, b), nn.GELU()) for a, b in pairwise(widths)]
        self.perceptron = nn.Sequential(*layers)

    def features(self, volumes: Tensor, volume_index: Tensor, pixels: Tensor) -> Tensor:
        """Return the features (M, C) of the volume of each section, computed once per volume; sections are ignored."""
        features: Tensor = self.perceptron(self.shrink(volumes[:, None]).flatten(1))[volume_index]
        return features


class SectionOnly(NetworkMethod):
    """Control that sees the section only."""

    Options = OneInputOptions

    def network(self, grid: BlockGrid) -> SectionOnlyNetwork:
        """Build the untrained network."""
        return SectionOnlyNetwork(grid, self.options)


class VolumeOnly(NetworkMethod):
    """Control that sees the volume only."""

    Options = OneInputOptions

    def network(self, grid: BlockGrid) -> VolumeOnlyNetwork:
        """Build the untrained network."""
        return VolumeOnlyNetwork(grid, self.options)
