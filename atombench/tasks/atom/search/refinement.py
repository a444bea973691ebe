"""Local refinement: move and tilt poses in ever smaller steps as long as the similarity grows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from atombench.similarity.measure import Measure
from atombench.tasks.atom.geometry import BlockGrid, plane, section_points
from atombench.tasks.atom.search.best_poses import BestPoses
from atombench.tasks.atom.search.candidates import show_tissue
from atombench.tasks.atom.sections import cut

AXES = (np.array([1.0, 0.0]), np.array([0.0, 1.0]))  # offsets (a, b) of two directions within the plane
DIRECTIONS = 8  # of tilts
ROUNDS = 3  # with each tilt
LEVELS = 3  # of tilts, each half of the one before
AT_ONCE = 2**22  # pixels cut together, so that they take little memory


class PoseJudge(Protocol):
    """Similarity of queries and poses of one volume."""

    def scores(self, centres: Tensor, normals: Tensor, turns: Tensor) -> Tensor:
        """Return the similarity of each query and its own poses (Q, n, 3), float64 (Q, n); `turns` as in `Judge`."""


@dataclass(frozen=True)
class Judge:
    """Similarity of queries and the sections at any poses of one volume.

    Attributes:
        volume: float32 (E, E, E), on the device of the search.
        grid: volume edge and section size.
        measure: measure of similarity.
        queries: features of turned queries, float64 (T, Q, F).
        tissue_only: whether poses that show no tissue have a similarity of minus infinity.
    """

    volume: Tensor
    grid: BlockGrid
    measure: Measure
    queries: Tensor
    tissue_only: bool

    def scores(self, centres: Tensor, normals: Tensor, turns: Tensor) -> Tensor:
        """Return the similarity of each query and its own poses, float64 (Q, n).

        Args:
            centres: (Q, n, 3) voxels.
            normals: (Q, n, 3), any positive length.
            turns: which turned query each pose is compared with, (Q, n).
        """
        size = max(1, AT_ONCE // (turns.shape[1] * self.grid.section**2))
        parts = torch.arange(len(turns), device=turns.device).split(size)
        return torch.cat([self._scores(rows, centres[rows], normals[rows], turns[rows]) for rows in parts])

    def judged(self, poses: BestPoses) -> BestPoses:
        """Return poses with their similarity, in its order; those of minus infinity keep it."""
        scores = self.scores(poses.centres, poses.normals, poses.turns).where(poses.scores > -torch.inf, -torch.inf)
        same = BestPoses(poses.centres, poses.normals, poses.turns, scores)
        return same.take(scores.argsort(dim=1, descending=True, stable=True))

    def _scores(self, rows: Tensor, centres: Tensor, normals: Tensor, turns: Tensor) -> Tensor:
        """Return the similarity of some queries, given by their numbers, and their own poses."""
        queries, count = turns.shape
        points = section_points(centres.reshape(-1, 3), normals.reshape(-1, 3), self.grid)
        index = torch.zeros(len(points), dtype=torch.int64, device=points.device)
        sections = cut(self.volume[None], index, points, self.grid)
        features = self.measure.features(sections.double()).reshape(queries * count, 1, -1)
        own = self.queries[turns, rows[:, None]].reshape(queries * count, 1, -1)
        found = self.measure.scores(own, features).reshape(queries, count)
        if self.tissue_only:
            core = torch.from_numpy(self.grid.core_points.ravel()).to(sections.device)
            found = found.where(show_tissue(sections.flatten(1)[:, core]).reshape(queries, count), -torch.inf)
        return found


def tilts_between(normals: int) -> tuple[float, ...]:
    """Return the tilts in radians, largest first, that refine evenly spaced normals; the first is half of their distance."""
    first = math.sqrt(2 * math.pi / normals) / 2
    return tuple(first / 2**level for level in range(LEVELS))


def refined(poses: BestPoses, judge: PoseJudge, tilts: Sequence[float]) -> BestPoses:
    """Return the poses after refinement; no score falls.

    Args:
        poses: (Q, K) poses.
        judge: similarity at any poses.
        tilts: angles in radians, largest first; for each, `ROUNDS` times, the most similar of all poses moved by a voxel along
            an axis, and of all tilted ones, is taken.
    """
    shape, centres, normals, scores = poses.scores.shape, poses.centres, poses.normals, poses.scores
    for tilt in [tilt for tilt in tilts for _ in range(ROUNDS)]:
        near_centres, near_normals = neighbours(centres.reshape(-1, 3), normals.reshape(-1, 3), tilt)
        count = near_centres.shape[1]
        near_centres, near_normals = (near.reshape(shape[0], -1, 3) for near in (near_centres, near_normals))
        found = judge.scores(near_centres, near_normals, poses.turns.repeat_interleave(count, dim=1))
        best, place = found.reshape(*shape, count).max(dim=2)
        better = best > scores
        place = (place + count * torch.arange(shape[1], device=place.device))[:, :, None].expand(-1, -1, 3)
        centres = torch.where(better[:, :, None], near_centres.gather(1, place), centres)
        normals = torch.where(better[:, :, None], near_normals.gather(1, place), normals)
        scores = torch.where(better, best, scores)
    return BestPoses(centres, normals, poses.turns, scores)


def neighbours(centres: Tensor, normals: Tensor, tilt: float) -> tuple[Tensor, Tensor]:
    """Return the six adjacent positions of each pose, then its tilted normals (none for a tilt of 0); two (M, n, 3)."""
    along = torch.eye(3, dtype=torch.float64, device=centres.device)
    steps = torch.cat([along, -along])
    moved = centres[:, None] + steps
    kept = normals[:, None].expand(-1, len(steps), -1)
    if not tilt:
        return moved, kept
    angles = torch.arange(DIRECTIONS, device=centres.device, dtype=torch.float64) * (2 * math.pi / DIRECTIONS)
    within = plane(normals, AXES) @ torch.stack([angles.cos(), angles.sin()])  # (M, 3, directions)
    upwards = normals / normals.norm(dim=1, keepdim=True)
    tilted = math.cos(tilt) * upwards[:, None] + math.sin(tilt) * within.mT
    return torch.cat([moved, centres[:, None].expand(-1, DIRECTIONS, -1)], dim=1), torch.cat([kept, tilted], dim=1)
