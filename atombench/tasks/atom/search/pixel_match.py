"""Best match of pixels: the search by sums of squared differences, of which close ones are refined."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from atombench.similarity.table import MEASURES
from atombench.tasks.atom.geometry import BlockGrid
from atombench.tasks.atom.sampling import known_normals
from atombench.tasks.atom.search.best_poses import BestPoses
from atombench.tasks.atom.search.candidates import Lattices, distinct_orientations, every_position
from atombench.tasks.atom.search.pose_search import PoseSearch
from atombench.tasks.atom.search.refinement import Judge, refined, tilts_between

Array = NDArray[np.float64]
POSES, STARTS = 64, 8  # poses of each query that are compared by all pixels, and that are refined
EXACT = 1e-6  # difference of matches that cannot be improved
CLOSE = 0.7  # a match is close if the difference is at most this share of the standard deviation of the query's pixels


@dataclass(frozen=True)
class Matches:
    """Best matches of Q queries, the best first.

    Attributes:
        centres: (Q, M, 3), voxels.
        normals: (Q, M, 3).
        evidence: log-likelihood, see `PoseSearch.evidence`, (Q, M).
        differences: root mean squared differences of pixels of the best match, (Q,); infinite if no candidate shows tissue.
    """

    centres: Array
    normals: Array
    evidence: Array
    differences: Array


@dataclass(frozen=True)
class PixelMatch:
    """Search of volumes of one size.

    Attributes:
        search: search for the first poses, without refinement.
        tilts: angles of refinement in radians, largest first.
    """

    search: PoseSearch
    tilts: tuple[float, ...]

    @staticmethod
    def of(grid: BlockGrid, gathering: str, orientations: int, device: str, threads: int) -> PixelMatch:
        """Return the search for a board with about this number of orientations, if their set is not finite."""
        normals = distinct_orientations(known_normals(gathering, orientations), grid)
        coarse = grid.scale > 1
        search = PoseSearch(
            lattices=Lattices(grid, normals, every_position(grid), device, grid.context if coarse else 1),
            measure=MEASURES["ssd"],
            tissue_only=gathering == "tissue",
            turns=(0.0,),
            mirrored=False,
            poses=POSES,
            starts=0,
            tilts=(),
            mattes=False,
            threads=threads,
        )
        return PixelMatch(search, tilts_between(orientations))

    def best(self, volume: NDArray[np.float32], pixels: NDArray[np.float32]) -> Matches:
        """Return the best matches of queries (Q, W, W) in a volume (E, E, E); close ones are refined unless they are exact."""
        poses = self.search.best(volume, pixels)
        spread = torch.from_numpy(pixels.std(axis=(1, 2))).to(poses.scores.device)
        differences = _differences(poses.scores[:, 0], pixels)
        close = ((differences <= CLOSE * spread) & (differences > EXACT)).nonzero()[:, 0]
        if len(close):
            better = self._refined(poses, close, volume, pixels)
            for values, new in zip(vars(poses).values(), vars(better).values(), strict=True):
                values[close] = new
        found = (poses.centres, poses.normals, self.search.evidence(pixels, poses), _differences(poses.scores[:, 0], pixels))
        return Matches(*(values.cpu().numpy() for values in found))

    def _refined(self, poses: BestPoses, rows: Tensor, volume: NDArray[np.float32], pixels: NDArray[np.float32]) -> BestPoses:
        """Return the poses of some queries after refinement of the first, in the order of their scores."""
        lattices, measure = self.search.lattices, self.search.measure
        features = measure.features(torch.from_numpy(pixels).to(rows.device)[rows].double())[None]
        judge = Judge(torch.from_numpy(volume).to(rows.device), lattices.grid, measure, features, self.search.tissue_only)
        found = judge.judged(BestPoses(*(values[rows] for values in vars(poses).values())))
        return found.replaced(refined(found.first(STARTS), judge, self.tilts))


def _differences(scores: Tensor, pixels: NDArray[np.float32]) -> Tensor:
    """Return the root mean squared differences of pixels that belong to scores by SSD."""
    return (-scores).clamp(min=0).div(pixels[0].size).sqrt()
