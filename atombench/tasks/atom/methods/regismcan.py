"""`regismcan`: RegisMCAN as the paper's text and figure 3 describe it.

Wang et al., "From Tissue Plane to Organ World", arXiv 2406.04105, section 4. The section is divided into patches that pass
through self-attention units (SA). The volume is embedded by a 3D convolution with the kernel and stride of the blocks, which
yields one token per block. One guided-attention unit (GA) lets every block token query the section's tokens; there is no SA
on the volume side, "to distinguish the embedding of each separate prediction block". Each block token is then scored. The
second level does the same inside the block that the first one predicts.

Choices where the text is ambiguous:

- Units have true residuals, the norm before each part, and no dropout; see units.py.
- The width is an option and does not grow with the blocks (the release ties it to the block's volume).
- Each token is scored by a linear layer shared by all tokens; learned positions distinguish the tokens.
- Training opens a correct block for half of the sections and one sampled from the model's own scores for the others. Prediction
  opens every block: the score of a box is the probability of its block times its own within that block, with no oracle.
- Both levels are trained together, with one loss and one optimiser.

Options beyond the paper, for ablations: `embedding: linear` averages each block to cells of 2s voxels before its linear map, so
that neither its detail nor its size matters; `position: fourier` computes positions from learned Fourier features of block
coordinates (Li et al., "Learnable Fourier Features for Multi-Dimensional Spatial Positional Encoding", NeurIPS 2021, equations
1-3) instead of a table; `loss` is ASL as in the paper, BCE or softmax.

Letters: V volumes, M sections, U opened blocks, T tokens, C width.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from atombench.tasks.atom.geometry import BLOCKS, BlockGrid
from atombench.tasks.atom.learning.feed import Batch
from atombench.tasks.atom.learning.losses import OBJECTIVES
from atombench.tasks.atom.learning.scoring import Network
from atombench.tasks.atom.methods.network import NetworkMethod
from atombench.tasks.atom.methods.units import FamilyOptions, GuidedAttention, SectionEncoder, positions

TOKENS_AT_ONCE = 2**13  # so that activations stay in the cache of a CPU
TOKENS_AT_ONCE_ON_GPU = 2**19
FOURIER_FEATURES = 32
FOURIER_STD = 1.0  # of the initial frequencies, in cycles per edge of the region


class RegisMcanOptions(FamilyOptions):
    """Options of `regismcan`."""

    section_layers: int = Field(default=2, ge=0, description="SA units on the section")
    guided_layers: int = Field(default=1, ge=1, description="GA units on each level; the paper has one")
    embedding: Literal["convolution", "linear"] = "convolution"
    position: Literal["table", "fourier"] = "table"


class FourierPosition(nn.Module):
    """Positions from learned Fourier features of fixed coordinates."""

    coordinates: Tensor

    def __init__(self, coordinates: Tensor, width: int) -> None:
        super().__init__()
        self.register_buffer("coordinates", coordinates, persistent=False)
        self.frequencies = nn.Parameter(torch.randn(coordinates.shape[1], FOURIER_FEATURES // 2) * FOURIER_STD)
        self.mix = nn.Sequential(nn.Linear(FOURIER_FEATURES, width), nn.GELU(), nn.Linear(width, width))

    def forward(self) -> Tensor:
        """Return positions (T, C)."""
        phases = 2 * math.pi * self.coordinates @ self.frequencies
        features = torch.cat([phases.cos(), phases.sin()], dim=1) / math.sqrt(FOURIER_FEATURES)
        positions: Tensor = self.mix(features)
        return positions


class TablePosition(nn.Module):
    """A learned position per token."""

    def __init__(self, tokens: int, width: int) -> None:
        super().__init__()
        self.table = positions(tokens, width)

    def forward(self) -> Tensor:
        """Return positions (T, C)."""
        return self.table


class Level(nn.Module):
    """One level: embeds 27 blocks and scores each of them given the section.

    Args:
        edge: edge of a block, in voxels.
        cell: edge of the cells that `embedding: linear` averages, in voxels.
        starts: (27, 3), start of each block in its region, relative to the edge of the region.
        options: options of the method.
    """

    def __init__(self, edge: int, cell: int, starts: Tensor, options: RegisMcanOptions) -> None:
        super().__init__()
        width = options.width
        self.edge = edge
        self.shrink = nn.AvgPool3d(cell) if options.embedding == "linear" else nn.Identity()
        values = (edge // cell if options.embedding == "linear" else edge) ** 3
        self.embed = nn.Linear(values, width)  # equals a 3D convolution if all voxels of a block are used
        self.position = FourierPosition(starts, width) if options.position == "fourier" else TablePosition(BLOCKS, width)
        self.guided = nn.ModuleList(GuidedAttention(width, options.heads) for _ in range(options.guided_layers))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 1)

    def tokens(self, blocks: Tensor) -> Tensor:
        """Map voxels of blocks (U, T, edge^3), T a multiple of 27, to tokens (U, T, C)."""
        cubes = blocks.unflatten(2, (self.edge,) * 3)
        embedded = self.embed(self.shrink(cubes).flatten(2))
        return embedded + self.position().repeat(blocks.shape[1] // BLOCKS, 1)

    def forward(self, tokens: Tensor, section: Tensor, owner: Tensor) -> Tensor:
        """Map tokens (U, T, C) and section tokens (M, 4, C), with owner (M,) as in `Attention`, to logits (M, T)."""
        x = self.guided[0](tokens, section, owner)
        for unit in self.guided[1:]:
            x = unit(x, section)
        logits: Tensor = self.head(self.norm(x))[..., 0]
        return logits


class RegisMcanNetwork(Network):
    """Section encoder and both levels."""

    coarse_voxels: Tensor
    fine_voxels: Tensor

    def __init__(self, grid: BlockGrid, options: RegisMcanOptions) -> None:
        super().__init__()
        self.objective = OBJECTIVES[options.loss]
        self.section = SectionEncoder(grid.section, options.width, options.heads, options.section_layers)
        coarse_starts, fine_starts = (
            torch.cartesian_prod(*[torch.from_numpy(starts)] * 3) for starts in (grid.coarse_starts, grid.fine_starts[0])
        )
        cell = 2 * grid.scale
        self.coarse = Level(grid.coarse_edge, cell, coarse_starts / grid.edge, options)
        self.fine = Level(grid.fine_edge, cell, fine_starts / grid.coarse_edge, options)
        boxes = block_voxels(torch.from_numpy(grid.box_starts), grid.fine_edge, grid.edge)
        self.register_buffer("coarse_voxels", block_voxels(coarse_starts, grid.coarse_edge, grid.edge), persistent=False)
        self.register_buffer("fine_voxels", boxes, persistent=False)

    def loss(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """Return the loss of both levels, the second one within the opened block."""
        section = self.section(batch.pixels)
        volumes, owner = batch.volumes.flatten(1), batch.volume_index
        coarse = self.coarse(self.coarse.tokens(volumes[:, self.coarse_voxels]), section, owner)
        opened = opened_blocks(self.objective.probabilities(coarse.detach()), batch.labels.coarse, generator)
        pairs, pair = torch.unique(owner * BLOCKS + opened, return_inverse=True)  # sections often open the same block
        inner = self.fine_voxels.unflatten(0, (BLOCKS, BLOCKS))[pairs % BLOCKS]  # (U, 27, voxels)
        fine = self.fine(self.fine.tokens(volumes[(pairs // BLOCKS)[:, None, None], inner]), section, pair)
        correct = batch.labels.fine[torch.arange(len(opened), device=opened.device), opened]
        return (self.objective.loss(coarse, batch.labels.coarse) + self.objective.loss(fine, correct)).mean()

    def scores(self, volumes: Tensor, volume_index: Tensor, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Return probabilities of blocks (M, 27), and of boxes (M, 729) as the product of both levels."""
        section = self.section(pixels)
        coarse = self.coarse(self.coarse.tokens(volumes.flatten(1)[:, self.coarse_voxels]), section, volume_index)
        outer = self.objective.probabilities(coarse)
        together = max(1, (TOKENS_AT_ONCE if pixels.device.type == "cpu" else TOKENS_AT_ONCE_ON_GPU) // len(self.fine_voxels))
        inner = []
        for number, volume in enumerate(volumes.flatten(1)):
            tokens = self.fine.tokens(volume[self.fine_voxels][None])
            for part in section[volume_index == number].split(together):
                inner.append(self.fine(tokens, part, torch.zeros(len(part), dtype=torch.long, device=part.device)))
        within = self.objective.probabilities(torch.cat(inner).unflatten(1, (BLOCKS, BLOCKS)))
        return outer, (outer[:, :, None] * within).flatten(1)


def block_voxels(starts: Tensor, width: int, edge: int) -> Tensor:
    """Return the flat voxel indices (T, width^3) of cubes from their starts (T, 3)."""
    inside = torch.cartesian_prod(*[torch.arange(width)] * 3)  # (width^3, 3)
    return ((starts[:, None, :] + inside) * torch.tensor([edge * edge, edge, 1])).sum(dim=-1)


def opened_blocks(probabilities: Tensor, correct: Tensor, generator: torch.Generator) -> Tensor:
    """Return the block to open for each section (M,): for every other section a correct one, else sampled by the scores.

    If no block of a section is correct, its block is sampled by the scores.
    """
    own = torch.nan_to_num(probabilities, nan=1.0).clamp(min=1e-6)  # the training loop reports a NaN loss
    truth = torch.where(correct.any(dim=1, keepdim=True), correct.to(own.dtype), own)
    guided = (torch.arange(len(own), device=own.device) % 2 == 0)[:, None]
    return torch.multinomial(torch.where(guided, truth, own), 1, generator=generator)[:, 0]


class RegisMcan(NetworkMethod):
    """RegisMCAN as described in the paper, trained with the shared loop."""

    Options = RegisMcanOptions

    def network(self, grid: BlockGrid) -> RegisMcanNetwork:
        """Build the untrained network."""
        return RegisMcanNetwork(grid, self.options)
