"""`regismcan`: RegisMCAN as the paper's text and figure 3 describe it.

Wang et al., "From Tissue Plane to Organ World", arXiv 2406.04105, section 4. The section is cut into patches that pass
self-attention units (SA). The volume is embedded by a 3D convolution whose kernel and stride are those of the blocks, so that
there is one token per block. One guided-attention unit (GA) lets every block token query the section's tokens; there is no SA
on the volume side, "to distinguish the embedding of each separate prediction block". Each block token is then scored. The
second level does the same inside the block that the first one predicts.

What the text leaves open, and how it is settled here:

- Units are pre-norm transformer units with true residuals, as in MCAN (Yu et al., CVPR 2019) except for the place of the norm.
- The width is an option and does not grow with the blocks (the release ties it to the block's volume).
- Each token is scored by its own linear read-out, the same for all tokens; learned positions tell the tokens apart.
- Training opens a correct block for half of the sections and one sampled from the model's own scores for the others. Answering
  opens every block: a box's score is the probability of its block times its own within that block, with no oracle.
- Both levels are trained together with ASL and one optimiser.

Letters: V volumes, M sections, T tokens, C width, H heads.
"""

from __future__ import annotations

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from atombench.atom.geometry import BLOCKS, BOXES, BlockGrid
from atombench.methods.network import NetworkMethod, NetworkOptions
from atombench.training.loop import Batch, Network
from atombench.training.losses import asymmetric_loss

SECTION_PATCHES = 4
MOST_TOKENS_AT_ONCE = 2**17


class RegisMcanOptions(NetworkOptions):
    """Options of `regismcan`."""

    width: int = Field(default=64, ge=4, multiple_of=4)
    heads: int = Field(default=4, ge=1)
    section_layers: int = Field(default=2, ge=0, description="SA units on the section")

    @model_validator(mode="after")
    def _heads_divide_the_width(self) -> RegisMcanOptions:
        if self.width % self.heads:
            msg = f"width {self.width} must be a multiple of heads {self.heads}"
            raise ValueError(msg)
        return self


def perceptron(width: int) -> nn.Sequential:
    """Two layers, four times as wide between them."""
    return nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))


class SelfAttention(nn.Module):
    """SA unit: pre-norm self-attention and perceptron, both with residuals."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.mlp = perceptron(width)

    def forward(self, x: Tensor) -> Tensor:
        """(M, T, C) to (M, T, C)."""
        y = self.norm1(x)
        x = x + self.attention(y, y, y, need_weights=False)[0]
        x = x + self.mlp(self.norm2(x))
        return x


class GuidedAttention(nn.Module):
    """GA unit: block tokens query section tokens; pre-norm attention and perceptron, both with residuals.

    Queries are projected once per volume and shared by all of its sections.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm_blocks, self.norm_section, self.norm2 = (nn.LayerNorm(width) for _ in range(3))
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.proj = nn.Linear(width, width)
        self.mlp = perceptron(width)

    def forward(self, blocks: Tensor, section: Tensor) -> Tensor:
        """Block tokens (M or 1, T, C) and section tokens (M, 4, C) to (M, T, C)."""
        q = self._heads(self.query(self.norm_blocks(blocks))).expand(len(section), -1, -1, -1)  # (M, H, T, C / H)
        k, v = (self._heads(part) for part in self.key_value(self.norm_section(section)).chunk(2, dim=-1))
        attended = nn.functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)  # (M, T, C)
        x = blocks + self.proj(attended)
        x = x + self.mlp(self.norm2(x))
        return x

    def _heads(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)


class Level(nn.Module):
    """One level: embeds 27 blocks of the volume and scores each against the section."""

    def __init__(self, block_voxels: int, width: int, heads: int) -> None:
        super().__init__()
        self.embed = nn.Linear(block_voxels, width)  # a 3D convolution over the block's voxels
        self.position = nn.Parameter(torch.zeros(BLOCKS, width))
        self.guided = GuidedAttention(width, heads)
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 1)
        nn.init.trunc_normal_(self.position, std=0.02)

    def forward(self, tokens: Tensor, section: Tensor) -> Tensor:
        """Block tokens (M or 1, T, C), a multiple of 27, and section tokens (M, 4, C) to logits (M, T)."""
        positions = self.position.repeat(tokens.shape[1] // BLOCKS, 1)
        logits: Tensor = self.head(self.norm(self.guided(tokens + positions, section)))[..., 0]
        return logits


class RegisMcanNetwork(Network):
    """Section encoder and both levels."""

    coarse_voxels: Tensor
    fine_voxels: Tensor

    def __init__(self, grid: BlockGrid, options: RegisMcanOptions) -> None:
        super().__init__()
        width, heads, patch = options.width, options.heads, grid.section // 2
        self.patch = nn.Conv2d(1, width, kernel_size=patch, stride=patch)
        self.position = nn.Parameter(torch.zeros(SECTION_PATCHES, width))
        nn.init.trunc_normal_(self.position, std=0.02)
        self.units = nn.Sequential(*(SelfAttention(width, heads) for _ in range(options.section_layers)))
        self.coarse = Level(grid.coarse_edge**3, width, heads)
        self.fine = Level(grid.fine_edge**3, width, heads)
        coarse_starts = torch.cartesian_prod(*[torch.from_numpy(grid.coarse_starts)] * 3)
        boxes = block_voxels(torch.from_numpy(grid.box_starts), grid.fine_edge, grid.edge)
        self.register_buffer("coarse_voxels", block_voxels(coarse_starts, grid.coarse_edge, grid.edge), persistent=False)
        self.register_buffer("fine_voxels", boxes, persistent=False)

    def encode(self, pixels: Tensor) -> Tensor:
        """Sections (M, 4s, 4s) to tokens (M, 4, C)."""
        patches = self.patch(pixels[:, None]).flatten(2).transpose(1, 2)
        tokens: Tensor = self.units(patches + self.position)
        return tokens

    def loss(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """ASL of both levels, the second in the block that was opened."""
        section = self.encode(batch.pixels)
        volumes = batch.volumes.flatten(1)
        coarse_tokens = self.coarse.embed(volumes[:, self.coarse_voxels])[batch.volume_index]  # (M, 27, C)
        coarse = self.coarse(coarse_tokens, section)
        opened = opened_blocks(coarse.detach(), batch.labels.coarse, generator)
        rows = torch.arange(len(opened), device=opened.device)
        inner = self.fine_voxels.unflatten(0, (BLOCKS, BLOCKS))[opened]  # (M, 27, voxels)
        fine_tokens = self.fine.embed(volumes[batch.volume_index[:, None, None], inner])
        fine = self.fine(fine_tokens, section)
        correct = batch.labels.fine[rows, opened]
        return (asymmetric_loss(coarse, batch.labels.coarse) + asymmetric_loss(fine, correct)).mean()

    def scores(self, volumes: Tensor, volume_index: Tensor, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Probabilities of blocks (M, 27), and of boxes (M, 729) as block times box within it."""
        coarse, boxes = [], []
        for number, volume in enumerate(volumes.flatten(1)):
            coarse_tokens = self.coarse.embed(volume[self.coarse_voxels])[None]
            fine_tokens = self.fine.embed(volume[self.fine_voxels])[None]
            for section in self.encode(pixels[volume_index == number]).split(MOST_TOKENS_AT_ONCE // BOXES):
                outer = torch.sigmoid(self.coarse(coarse_tokens, section))
                inner = torch.sigmoid(self.fine(fine_tokens, section))
                coarse.append(outer)
                boxes.append(outer.repeat_interleave(BLOCKS, dim=1) * inner)
        return torch.cat(coarse), torch.cat(boxes)


def block_voxels(starts: Tensor, width: int, edge: int) -> Tensor:
    """Flat voxel indices of cubes; starts (T, 3) to (T, width^3)."""
    inside = torch.cartesian_prod(*[torch.arange(width)] * 3)  # (width^3, 3)
    return ((starts[:, None, :] + inside) * torch.tensor([edge * edge, edge, 1])).sum(dim=-1)


def opened_blocks(coarse: Tensor, correct: Tensor, generator: torch.Generator) -> Tensor:
    """Block to open for each section (M,): for every other one a correct block, else one sampled from the scores.

    Where no block is correct, all are sampled from the scores.
    """
    own = torch.softmax(coarse, dim=1).nan_to_num(1.0).cpu()  # a loss that is NaN is for the loop to report
    truth = torch.where(correct.any(dim=1, keepdim=True).cpu(), correct.cpu().float(), own)
    told = (torch.arange(len(own)) % 2 == 0)[:, None]
    return torch.multinomial(torch.where(told, truth, own), 1, generator=generator)[:, 0].to(coarse.device)


class RegisMcan(NetworkMethod):
    """RegisMCAN as described, trained with the shared loop."""

    Options = RegisMcanOptions

    def network(self, grid: BlockGrid) -> RegisMcanNetwork:
        """Build the untrained network."""
        return RegisMcanNetwork(grid, self.options)
