"""Batches of sections at poses that are drawn anew in every step, so that a training never sees a section twice.

Volumes are mirrored and moved at random, so that a position says less than what is there. Poses are those of `tissue` boards:
uniform positions and directions, as long as the core of the section shows tissue and lies in at least one box.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import avg_pool3d, normalize

from atombench import streams
from atombench.tasks.atom.degradation.conditions import STEPS
from atombench.tasks.atom.degradation.damage import Degradation, Records
from atombench.tasks.atom.degradation.rotation import Rotation
from atombench.tasks.atom.geometry import BlockGrid, section_points
from atombench.tasks.atom.labels import label_sections
from atombench.tasks.atom.learning.feed import Batch
from atombench.tasks.atom.sections import cut
from atombench.tasks.atom.uniform import TISSUE
from atombench.volumes.volume_set import BACKGROUND

DRAWS = 4  # poses drawn for each that is wanted; a third to two thirds of those near tissue qualify
ROUNDS = 16
NEAR = 5  # voxels; a centre is considered if this cube around it shows enough tissue
NEAR_TISSUE = 0.25


@dataclass(frozen=True)
class DrawnBatch(Batch):
    """A batch, and the turn of each section on the slide: the nearest multiple of 90 degrees, plus 4 if mirrored; (M,)."""

    turns: Tensor


@dataclass(frozen=True)
class DrawnFeed:
    """Draws volumes and poses, and cuts sections on the device of the volumes.

    Attributes:
        volumes: float32 (N, E, E, E), training volumes.
        grid: blocks and section size.
        damage: highest severity of damage, as under `histology-5`; each batch has one severity from 0 to this.
        mirror: whether volumes may be mirrored along the first axis.
        shift: largest shift of a volume along each axis, in voxels; what leaves on one side enters on the other.
    """

    volumes: Tensor
    grid: BlockGrid
    damage: int = 0
    mirror: bool = True
    shift: int = 0

    @cached_property
    def core(self) -> BlockGrid:
        """Grid of the sections' cores, which decide whether a section shows tissue and which boxes it lies in."""
        return BlockGrid(self.grid.scale)

    def batches(self, volumes: int, sections: int, seed: int, steps: range) -> Iterator[DrawnBatch]:
        """Draw the batch of each step; it depends only on seed and step.

        Args:
            volumes: volumes per batch, drawn with replacement.
            sections: sections per volume.
            seed: seed of the run.
            steps: step numbers.
        """
        device = self.volumes.device
        for step in steps:
            key = ("drawn batch", seed, step)
            generator = torch.Generator(device).manual_seed(streams.seed_of(*key) % 2**63)
            chosen = torch.randint(len(self.volumes), (volumes,), generator=generator, device=device)
            varied = torch.stack([self._varied(volume, generator) for volume in self.volumes[chosen]])
            drawn = [draw_poses(volume, sections, self.core, generator) for volume in varied]
            index = torch.arange(volumes, device=device).repeat_interleave(sections)
            severity = int(streams.words(1, *key)[0] % (self.damage + 1))
            centres, normals = (torch.cat(part) for part in zip(*drawn, strict=True))
            yield self._batch(varied, index, centres, normals, severity, key)

    def _varied(self, volume: Tensor, generator: torch.Generator) -> Tensor:
        """Return a volume (E, E, E), perhaps mirrored, and moved."""
        coin = torch.rand(1, generator=generator, device=volume.device)
        steps = torch.randint(-self.shift, self.shift + 1, (3,), generator=generator, device=volume.device)
        mirrored = volume.flip(0) if self.mirror and coin < 0.5 else volume
        return torch.roll(mirrored, steps.tolist(), (0, 1, 2))

    def _batch(
        self, volumes: Tensor, index: Tensor, centres: Tensor, normals: Tensor, severity: int, key: tuple[object, ...]
    ) -> DrawnBatch:
        poses = (index, centres, normals)
        points = section_points(centres, normals, self.grid)
        turns = torch.zeros_like(index)
        if not severity:
            pixels, searched = cut(volumes, index, points, self.grid), volumes
        else:
            degradation = Degradation.of(STEPS, severity, self.grid)
            records = degradation.draw(len(index), self.grid, *key)
            turns = torch.from_numpy(quarter_turns(records, len(index))).to(index.device)
            pixels = degradation.apply(volumes, *poses, self.grid, records)
            searched = torch.from_numpy(degradation.blurred(volumes.cpu().numpy())).to(volumes.device)
        return DrawnBatch(searched, index, pixels, label_sections(points, self.grid), centres.float(), normals.float(), turns)


def quarter_turns(records: Records, count: int) -> NDArray[np.int64]:
    """Return the turns of sections with these records; see `DrawnBatch`."""
    rotation = records.of_step.get(Rotation.name)
    if rotation is None:
        return np.zeros(count, np.int64)
    quarters: NDArray[np.int64] = np.round(rotation["angle"] / (np.pi / 2)).astype(np.int64) % 4 + 4 * rotation["mirrored"]
    return quarters


def draw_poses(volume: Tensor, count: int, grid: BlockGrid, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw poses of sections that show tissue: int64 (count, 3) voxels and float64 (count, 3) unit normals with k >= 0.

    A volume with hardly any tissue yields poses that show less of it.

    Args:
        volume: (E, E, E).
        count: number of poses.
        grid: grid with the sections that must show tissue.
        generator: on the device of the volume.
    """
    tissue = (volume > BACKGROUND).float()
    candidates = near_tissue(volume)
    found, fallback = [], _draw(candidates, count, grid, generator)
    for _ in range(ROUNDS):
        centres, normals = _draw(candidates, DRAWS * count, grid, generator)
        points = section_points(centres, normals, grid)
        index = torch.zeros(len(centres), dtype=torch.int64, device=volume.device)
        shown = cut(tissue[None], index, points, grid).flatten(1).mean(dim=1)
        kept = (shown >= TISSUE) & label_sections(points, grid).boxes.any(dim=1)
        found.append((centres[kept], normals[kept]))
        if sum(len(part) for part, _ in found) >= count:
            break
    centres, normals = (torch.cat(parts)[:count] for parts in zip(*found, fallback, strict=True))
    return centres, normals


def near_tissue(volume: Tensor) -> Tensor:
    """Return the flat indices of the voxels of (E, E, E) that have enough tissue around them; all voxels if there is none."""
    share = avg_pool3d((volume > BACKGROUND).float()[None, None], NEAR, stride=1, padding=NEAR // 2)[0, 0]
    near = (share >= NEAR_TISSUE).flatten().nonzero()[:, 0]
    return near if len(near) else torch.arange(volume.numel(), device=volume.device)


def _draw(candidates: Tensor, count: int, grid: BlockGrid, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    device = candidates.device
    flat = candidates[torch.randint(len(candidates), (count,), generator=generator, device=device)]
    centres = torch.stack(torch.unravel_index(flat, (grid.edge,) * 3), dim=1)
    normals = normalize(torch.randn(count, 3, generator=generator, device=device, dtype=torch.float64), dim=1)
    return centres, torch.where(normals[:, 2:] < 0, -normals, normals)
