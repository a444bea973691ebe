"""Reference implementations of the networks without shared or omitted computations, for tests and benchmarks."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from atombench.tasks.atom.geometry import BLOCKS, BlockGrid
from atombench.tasks.atom.learning.feed import Batch
from atombench.tasks.atom.learning.losses import asymmetric_loss
from atombench.tasks.atom.methods.regismcan import Level, RegisMcanNetwork, opened_blocks
from atombench.tasks.atom.methods.regismcan_released import HEADS, PSEUDO_TOKENS, ReleasedNetwork, _opened_block


class NaiveLevel(nn.Module):
    """Graph of the release with all 28 tokens of one level, with the weights of a released `Level`."""

    def __init__(self, level: nn.Module, kernel: int, stride: int) -> None:
        super().__init__()
        self.level, width = level, level.cls_token.numel()
        self.patch = nn.Conv3d(1, width, kernel, stride)
        self.positions = nn.Parameter(torch.randn(BLOCKS, width))

    def forward(self, volume: Tensor, k: Tensor, v: Tensor) -> Tensor:
        level, batch = self.level, len(volume)
        tokens = self.patch(volume[:, None]).flatten(2).transpose(1, 2) + self.positions
        first = (level.cls_token + level.pos_embed).expand(batch, 1, -1)
        x = torch.cat([first, tokens], dim=1)  # (B, 28, W)
        q = level.query(level.norm1(x)).reshape(batch, PSEUDO_TOKENS, HEADS, -1).transpose(1, 2)
        k, v = (level.match_kv(part).reshape(batch, HEADS, PSEUDO_TOKENS, -1) for part in (k, v))
        weights = (q @ k.transpose(-2, -1) * q.shape[-1] ** -0.5).softmax(dim=-1)
        x = level.proj((weights @ v).transpose(1, 2).reshape(batch, PSEUDO_TOKENS, -1))
        x = x + x
        x = x + level.mlp(level.norm2(x))
        return level.head(level.norm(x)[:, 0])


class NaiveReleased(nn.Module):
    """Full graph of the release, both levels, with the weights of a `ReleasedNetwork`."""

    def __init__(self, network: ReleasedNetwork, grid: BlockGrid) -> None:
        super().__init__()
        self.network, self.grid = network, grid
        sizes = ((grid.coarse_edge, grid.coarse_stride), (grid.fine_edge, grid.fine_stride))
        self.levels = nn.ModuleList(NaiveLevel(level, *size) for level, size in zip(network.levels, sizes, strict=True))

    def loss(self, batch: Batch, generator: torch.Generator) -> Tensor:
        k, v = self.network.encoder(batch.pixels)
        volumes = batch.volumes[batch.volume_index]
        coarse = self.levels[0](volumes, k, v)
        opened, is_correct = _opened_block(coarse.detach(), batch.labels.coarse)
        fine = self.levels[1](cropped(volumes, opened, self.grid), k, v)
        inner = batch.labels.fine[torch.arange(len(opened)), opened] & is_correct[:, None]
        return (asymmetric_loss(coarse, batch.labels.coarse) + asymmetric_loss(fine, inner)).mean()


def cropped(volumes: Tensor, blocks: Tensor, grid: BlockGrid) -> Tensor:
    """Crop a coarse block of each volume; (M, E, E, E) and (M,) to (M, edge, edge, edge)."""
    starts = [int(start) for start in grid.coarse_starts]
    crops = []
    for volume, block in zip(volumes, blocks.tolist(), strict=True):
        i, j, k = (starts[block // 9], starts[block // 3 % 3], starts[block % 3])
        edge = grid.coarse_edge
        crops.append(volume[i : i + edge, j : j + edge, k : k + edge])
    return torch.stack(crops)


def described_loss(network: RegisMcanNetwork, batch: Batch, generator: torch.Generator, grid: BlockGrid) -> Tensor:
    """Return the loss of `regismcan` with a separate 3D convolution for every section."""

    def logits(level: Level, volumes: Tensor, edge: int, stride: int) -> Tensor:
        weight = level.embed.weight.reshape(-1, 1, edge, edge, edge)
        tokens = nn.functional.conv3d(volumes[:, None], weight, level.embed.bias, stride=stride).flatten(2).transpose(1, 2)
        x = tokens + level.position()
        for unit in level.guided:
            x = unit(x, section)
        return level.head(level.norm(x))[..., 0]

    section = network.section(batch.pixels)
    volumes = batch.volumes[batch.volume_index]
    coarse = logits(network.coarse, volumes, grid.coarse_edge, grid.coarse_stride)
    opened = opened_blocks(torch.sigmoid(coarse.detach()), batch.labels.coarse, generator)
    fine = logits(network.fine, cropped(volumes, opened, grid), grid.fine_edge, grid.fine_stride)
    inner = batch.labels.fine[torch.arange(len(opened)), opened]
    return (asymmetric_loss(coarse, batch.labels.coarse) + asymmetric_loss(fine, inner)).mean()
