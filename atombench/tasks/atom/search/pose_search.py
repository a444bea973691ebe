"""Search of poses, from coarse to fine: all candidates of a coarse set, then local refinement of the best.

The coarse set has few normals, and large sections are compared by some of their rows and columns; the poses found are then
compared by all pixels. All positions belong to the set, because the similarity falls fast with the distance from the true one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from atombench.similarity.measure import Measure
from atombench.tasks.atom.search.best_poses import BestPoses, best_poses
from atombench.tasks.atom.search.candidates import Candidates, Lattices
from atombench.tasks.atom.search.exact import ExactSearch
from atombench.tasks.atom.search.mattes import Mattes
from atombench.tasks.atom.search.refinement import Judge, refined
from atombench.tasks.atom.search.turns import turned

FLOOR = 1e-4  # added to the shortfall of scores, relative to their size, so that evidence is finite


@dataclass(frozen=True)
class PoseSearch:
    """Search of the volumes of one board.

    Attributes:
        lattices: candidates of the first stage.
        measure: measure of similarity.
        tissue_only: whether only sections that show tissue are considered.
        turns: angles in degrees by which queries may be turned.
        mirrored: whether queries may be mirrored, too.
        poses: K, number of poses that are kept.
        starts: number of poses that are refined, at most K.
        tilts: angles of local refinement in radians, from `refined`; without any, there is no refinement.
        mattes: whether poses are also refined by registration.
        threads: processor threads.
    """

    lattices: Lattices
    measure: Measure
    tissue_only: bool
    turns: tuple[float, ...]
    mirrored: bool
    poses: int
    starts: int
    tilts: tuple[float, ...]
    mattes: bool
    threads: int

    def best(self, volume: NDArray[np.float32], pixels: NDArray[np.float32]) -> BestPoses:
        """Return the best poses of queries (Q, W, W) in a volume (E, E, E)."""
        device, grid = self.lattices.device, self.lattices.grid
        queries, features = self._turned(pixels)
        judge = Judge(torch.from_numpy(volume).to(device), grid, self.measure, features, self.tissue_only)
        poses = self._candidates(volume, queries)
        if self.tilts or self.lattices.spacing > 1:
            poses = judge.judged(poses)
        if self.tilts:
            poses = poses.replaced(refined(poses.first(self.starts), judge, self.tilts))
        if self.mattes:
            poses = poses.replaced(_registered(poses.first(self.starts), judge, Mattes(volume, grid), queries))
        return poses

    def evidence(self, pixels: NDArray[np.float32], poses: BestPoses) -> Tensor:
        """Return the log-likelihood of poses of queries (Q, W, W), up to a factor and a constant; float64 (Q, K).

        It is minus the logarithm of how much the score falls short of the greatest possible one, as if this was the variance
        of an unknown noise. The same factor thus serves undamaged queries, where an exact match outweighs all other poses, and
        damaged ones, where many poses are about as similar.
        """
        queries, features = self._turned(pixels)
        rows = torch.arange(queries.shape[1], device=features.device)[:, None]
        ceilings, sizes = (
            values(features.flatten(0, 1)).reshape(queries.shape[:2])[poses.turns, rows]
            for values in (self.measure.ceilings, self.measure.sizes)
        )
        return -(((ceilings - poses.scores) / sizes).clamp(min=0) + FLOOR).log()

    def _turned(self, pixels: NDArray[np.float32]) -> tuple[Tensor, Tensor]:
        """Return turned queries (T, Q, W, W), and their features, float64 (T, Q, F)."""
        queries = turned(torch.from_numpy(pixels).to(self.lattices.device), self.turns, self.mirrored)
        return queries, self.measure.features(queries.flatten(0, 1).double()).reshape(*queries.shape[:2], -1)

    def _candidates(self, volume: NDArray[np.float32], queries: Tensor) -> BestPoses:
        """Return the best candidates for turned queries (T, Q, W, W)."""
        candidates, spacing = Candidates(volume, self.lattices, self.tissue_only), self.lattices.spacing
        compared = queries.flatten(0, 1)[:, ::spacing, ::spacing].contiguous()
        search = ExactSearch(candidates, self.measure, compared, self.threads)
        return best_poses(search, self.lattices, len(queries), self.poses)


def _registered(poses: BestPoses, judge: Judge, mattes: Mattes, queries: Tensor) -> BestPoses:
    """Register the queries (T, Q, W, W) from each of their poses; keep results that are at least as similar."""
    centres, normals = poses.centres.cpu().numpy().copy(), poses.normals.cpu().numpy().copy()
    turns, pixels = poses.turns.cpu().numpy(), queries.cpu().numpy()
    for row, number in np.ndindex(*turns.shape):
        start = (centres[row, number], normals[row, number])
        centres[row, number], normals[row, number] = mattes.registered(pixels[turns[row, number], row], *start)
    new_centres, new_normals = (torch.from_numpy(array).to(poses.scores.device) for array in (centres, normals))
    scores = judge.scores(new_centres, new_normals, poses.turns)
    better = scores >= poses.scores
    return BestPoses(
        torch.where(better[:, :, None], new_centres, poses.centres),
        torch.where(better[:, :, None], new_normals, poses.normals),
        poses.turns,
        torch.where(better, scores, poses.scores),
    )
