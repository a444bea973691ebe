"""Network of `locus`: features of sections and of volumes that are compared point by point at every pose.

The volume becomes a field of unit vectors, one for each voxel; the section a vector for each of 4 x 4 anchor points. The score
of a pose is the sum of the products of the section's vectors with those of the voxels at which the pose puts its anchors. Any
pose can thus be compared, by one product of vectors. As the anchors form a square, a section that was turned by a multiple of
90 degrees on the slide, or mirrored, has the same vectors in another order; all eight orders are compared.

Letters: V volumes, M sections, N poses, E edge of the volume, C features, A anchors (16), T turns (8), F numbers that are
compared (AC + 1).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import grid_sample, interpolate, normalize, relu

from atombench.engine.training.loop import Trainable
from atombench.tasks.atom.geometry import BlockGrid, plane
from atombench.tasks.atom.learning.drawn_feed import DrawnBatch, near_tissue
from atombench.tasks.atom.learning.feed import Batch
from atombench.tasks.atom.search.feature_search import REACH

COARSE = 20  # edge of the field of features before it is interpolated to the volume's size
ANCHORS = 4  # per side
AXES = (np.array([1.0, 0.0]), np.array([0.0, 1.0]))  # offsets (a, b) of two directions within the plane
VOLUME_WIDTHS = (32, 64, 128)  # channels at 20^3, 10^3 and 5^3
MIXED = 48  # channels at 20^3 after all levels have been combined
SECTION_WIDTHS = {1: (128,), 2: (64, 160), 4: (32, 96, 160)}  # channels by pixels per anchor, from fine to coarse
GLOBAL = 192  # width of the perceptron that lets every anchor know the whole section
OFFSETS = ((0.5, 0.12), (1.0, 0.2), (3.0, 0.4), (6.0, 0.8))  # of compared poses from true ones: voxels / s, radians
TURNS = 8
TURNED = -2.0  # initial score of a turn, compared with none
NEAR_VOXELS, NEAR_RADIANS = 0.7, 0.2  # standard deviations of the poses that count as right: voxels / s, and tilt


class Compared(NamedTuple):
    """Scores of N poses for S sections of one volume, and how far the poses lie from the true ones; (S, N) each.

    Attributes:
        scores: logits, one for each turn; (T, S, N).
        distance: between centres, in voxels / s.
        tilt: angle between normals, in radians.
    """

    scores: Tensor
    distance: Tensor
    tilt: Tensor


def anchor_orders() -> Tensor:
    """Return, for each turn, the anchor of the section that shows each anchor of the undamaged one; integers (T, A).

    Turns 0 to 3 are by as many times 90 degrees, turns 4 to 7 are mirrored, too; angles and mirror images are those of
    `degradation/rotation.py`.
    """
    anchors = np.arange(ANCHORS**2).reshape(ANCHORS, ANCHORS)  # rows follow b, columns a
    turned = [np.rot90(anchors, quarters) for quarters in range(TURNS // 2)]
    return torch.from_numpy(np.stack(turned + [np.fliplr(each) for each in turned]).reshape(TURNS, -1))


def with_one(features: Tensor) -> Tensor:
    """Map (N, A, C) to (N, AC + 1); the last number, 1, is multiplied by the score of a turn."""
    return torch.cat([features.flatten(1), torch.ones_like(features[:, 0, :1])], dim=1)


def convolution(dimensions: int, width: int, out: int, stride: int = 1) -> nn.Sequential:
    """Return a convolution, group norm and ReLU: 3 pixels wide, or as wide as its stride."""
    kind = nn.Conv3d if dimensions == 3 else nn.Conv2d
    wide = 3 if stride == 1 else stride
    layer = kind(width, out, wide, stride=stride, padding=1 if stride == 1 else 0)
    return nn.Sequential(layer, nn.GroupNorm(8, out), nn.ReLU())


class Residual(nn.Module):
    """Two convolutions beside the identity."""

    def __init__(self, dimensions: int, width: int) -> None:
        super().__init__()
        kind = nn.Conv3d if dimensions == 3 else nn.Conv2d
        self.first = convolution(dimensions, width, width)
        self.second = nn.Sequential(kind(width, width, 3, padding=1), nn.GroupNorm(8, width))

    def forward(self, x: Tensor) -> Tensor:
        """Map (M, C, ...) to the same shape."""
        return relu(x + self.second(self.first(x)))


class VolumeEncoder(nn.Module):
    """U-shaped network of three levels; voxels are first gathered into the channels of 20^3 cells."""

    def __init__(self, scale: int, features: int) -> None:
        super().__init__()
        self.scale = scale
        fine, middle, coarse = VOLUME_WIDTHS
        self.fine = nn.Sequential(convolution(3, scale**3, fine), convolution(3, fine, fine))
        self.middle = nn.Sequential(convolution(3, fine, middle, 2), Residual(3, middle))
        self.coarse = nn.Sequential(convolution(3, middle, coarse, 2), Residual(3, coarse))
        self.from_coarse, self.mixed_middle = nn.Conv3d(coarse, middle, 1), Residual(3, middle)
        self.from_middle, self.from_fine = nn.Conv3d(middle, MIXED, 1), nn.Conv3d(fine, MIXED, 1)
        self.mixed_fine, self.out = convolution(3, MIXED, MIXED), nn.Conv3d(MIXED, features, 1)

    def forward(self, volumes: Tensor) -> Tensor:
        """Map volumes (V, E, E, E) to features of 20^3 cells, float32 (V, C, 20, 20, 20)."""
        cells = volumes.unflatten(1, (COARSE, -1)).unflatten(3, (COARSE, -1)).unflatten(5, (COARSE, -1))
        cells = cells.permute(0, 2, 4, 6, 1, 3, 5).flatten(1, 3)  # (V, s^3, 20, 20, 20)
        fine = self.fine(cells)
        middle = self.middle(fine)
        middle = self.mixed_middle(middle + doubled(self.from_coarse(self.coarse(middle))))
        mixed = relu(self.from_fine(fine) + doubled(self.from_middle(middle)))
        found: Tensor = self.out(mixed + self.mixed_fine(mixed)).float()
        return found


def doubled(x: Tensor) -> Tensor:
    """Return a field (V, C, n, n, n) interpolated to twice its size."""
    return interpolate(x, scale_factor=2, mode="trilinear")


class SectionEncoder(nn.Module):
    """Residual network that ends with one vector for each anchor; all anchors know the whole section."""

    def __init__(self, size: int, features: int) -> None:
        super().__init__()
        pixels = size // ANCHORS
        widths = SECTION_WIDTHS.get(pixels) or (48, 160)
        strides = [2] * (len(widths) - 1) if pixels in SECTION_WIDTHS else [pixels]
        layers: list[nn.Module] = [convolution(2, 1, widths[0]), Residual(2, widths[0])]
        for stride, width, wider in zip(strides, widths, widths[1:], strict=False):
            layers += [convolution(2, width, wider, stride), Residual(2, wider)]
        last = widths[-1]
        self.local = nn.Sequential(*layers, Residual(2, last))
        self.whole = nn.Sequential(nn.Flatten(), nn.Linear(last * ANCHORS**2, GLOBAL), nn.ReLU(), nn.Linear(GLOBAL, last))
        self.out = nn.Conv2d(last, features, 1)

    def forward(self, pixels: Tensor) -> Tensor:
        """Map sections (M, W, W) to vectors of their anchors, (M, A, C); anchors follow b, then a."""
        x = self.local(pixels[:, None])
        x = relu(x + self.whole(x)[:, :, None, None])
        return self.out(x).float().flatten(2).mT


class LocusNetwork(Trainable):
    """Both encoders, and scores of poses.

    Args:
        grid: blocks and section size.
        features: C.
        compared: random poses of each volume that a training step compares with its sections, besides those near true ones.
    """

    a: Tensor
    b: Tensor
    orders: Tensor

    def __init__(self, grid: BlockGrid, features: int, compared: int) -> None:
        super().__init__()
        self.grid, self.compared = grid, compared
        self.volume = VolumeEncoder(grid.scale, features)
        self.section = SectionEncoder(grid.section, features)
        self.sharpness = nn.Parameter(torch.zeros(()))
        self.turned = nn.Parameter(torch.tensor([0.0] + [TURNED] * (TURNS - 1)))  # scores of the turns, whatever the pose
        steps = (torch.arange(ANCHORS) - (ANCHORS - 1) / 2) * (grid.section / ANCHORS) - 0.5
        b, a = torch.meshgrid(steps, steps, indexing="ij")
        self.register_buffer("a", a.flatten(), persistent=False)
        self.register_buffer("b", b.flatten(), persistent=False)
        self.register_buffer("orders", anchor_orders(), persistent=False)

    def queries(self, pixels: Tensor) -> Tensor:
        """Return the features of sections (M, W, W) with each turn undone; float32 (T, M, F)."""
        found = self.section(pixels) * self.sharpness.exp()  # (M, A, C)
        turned = found[:, self.orders].flatten(2).movedim(1, 0)
        return torch.cat([turned, self.turned[:, None, None].expand(-1, len(pixels), 1)], dim=2)

    def field(self, volume: Tensor) -> Tensor:
        """Return the unit vectors of all voxels of a volume (E, E, E); float32 (C, E, E, E)."""
        cells = self.volume(volume[None])
        return normalize(interpolate(cells, scale_factor=self.grid.scale, mode="trilinear")[0], dim=0)

    def templates(self, field: Tensor, centres: Tensor, normals: Tensor) -> Tensor:
        """Return the features at the anchors of poses, zero outside the volume, and a one; (N, F).

        Args:
            field: features of one volume, (C, E, E, E).
            centres: (N, 3) voxels.
            normals: (N, 3), any positive length.
        """
        voxels, inside = self._anchors(centres, normals)
        edge = self.grid.edge
        i, j, k = voxels.long().unbind(dim=1)
        found = field.flatten(1).T.index_select(0, ((i * edge + j) * edge + k).flatten())
        return with_one(found.unflatten(0, (len(voxels), -1)) * inside[:, :, None])

    def templates_from_cells(self, cells: Tensor, centres: Tensor, normals: Tensor) -> Tensor:
        """Return what `templates` returns, from the features of 20^3 cells (C, 20, 20, 20): faster for few poses."""
        voxels, inside = self._anchors(centres, normals)
        between = (2 * voxels.mT.flip(-1) + 1) / self.grid.edge - 1  # (N, A, 3), -1 to 1, last axis first
        found = grid_sample(cells[None], between[None, None], padding_mode="border", align_corners=False)[0, :, 0]
        return with_one(normalize(found, dim=0).movedim(0, 2) * inside[:, :, None])

    def _anchors(self, centres: Tensor, normals: Tensor) -> tuple[Tensor, Tensor]:
        """Return the voxels of the anchors of poses, moved into the volume (N, 3, A), and whether they lay there (N, A)."""
        axes = plane(normals, AXES).to(self.a.dtype)  # (N, 3, 2)
        points = centres.to(self.a.dtype)[:, :, None] + axes[:, :, :1] * self.a + axes[:, :, 1:] * self.b
        voxels = points.round()
        inside = ((voxels >= 0) & (voxels < self.grid.edge)).all(dim=1)
        return voxels.clamp(0, self.grid.edge - 1), inside

    def comparisons(self, batch: Batch, generator: torch.Generator) -> list[Compared]:
        """Compare the sections of each volume of a batch with poses near all of them and with random ones."""
        every_cells, queries = self.volume(batch.volumes), self.queries(batch.pixels)
        found = []
        for number, cells in enumerate(every_cells):
            own = batch.volume_index == number
            true = (batch.centres[own], batch.normals[own])
            centres, normals = self._poses_to_compare(batch.volumes[number], *true, generator)
            scores = queries[:, own] @ self.templates_from_cells(cells, centres, normals).T
            distance = torch.cdist(true[0], centres) / self.grid.scale
            tilt = torch.acos((true[1] @ normals.T).clamp(-1, 1))
            found.append(Compared(scores, distance, tilt))
        return found

    def loss(self, batch: DrawnBatch, generator: torch.Generator) -> Tensor:
        """Return the cross-entropy between the scores of poses and turns and their nearness to the true ones, mean."""
        losses = []
        for number, (scores, distance, tilt) in enumerate(self.comparisons(batch, generator)):
            nearness = -((distance / NEAR_VOXELS) ** 2 + (tilt / NEAR_RADIANS) ** 2) / 2
            turns = batch.turns[batch.volume_index == number]
            probability = scores.permute(1, 0, 2).flatten(1).log_softmax(dim=1).unflatten(1, (TURNS, -1))  # (S, T, N)
            of_turn = probability[torch.arange(len(turns), device=turns.device), turns]
            losses.append(-(nearness.softmax(dim=1) * of_turn).sum(dim=1))
        return torch.cat(losses).mean()

    @torch.no_grad()
    def ranking_accuracy(self, batch: Batch) -> float:
        """Return the share of sections whose best pose, of those that training would compare, has a centre within reach."""
        self.eval()
        generator = torch.Generator(batch.pixels.device).manual_seed(0)
        hits = [
            (distance.gather(1, scores.amax(dim=0).argmax(dim=1, keepdim=True)) <= REACH)[:, 0]
            for scores, distance, _ in self.comparisons(batch, generator)
        ]
        return float(torch.cat(hits).float().mean())

    def _poses_to_compare(
        self, volume: Tensor, centres: Tensor, normals: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Return poses at several distances from the true ones, and random ones near tissue; centres and normals (N, 3)."""
        device, count = centres.device, len(centres)
        every_centre, every_normal = [], []
        for far, tilt in OFFSETS:
            step = 2 * torch.rand(count, 3, generator=generator, device=device) - 1
            turn = torch.randn(count, 3, generator=generator, device=device) / math.sqrt(2)
            every_centre.append(centres + step * far * self.grid.scale)
            every_normal.append(normals + turn * tilt)
        tissue = near_tissue(volume)
        flat = tissue[torch.randint(len(tissue), (self.compared,), generator=generator, device=device)]
        every_centre.append(torch.stack(torch.unravel_index(flat, (self.grid.edge,) * 3), dim=1).to(centres.dtype))
        every_normal.append(torch.randn(self.compared, 3, generator=generator, device=device))
        return torch.cat(every_centre), normalize(torch.cat(every_normal), dim=1)
