"""Best match of pixels: the search by sums of squared differences, refined at scales above 1."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from atombench.similarity.table import MEASURES
from atombench.tasks.atom.geometry import BlockGrid
from atombench.tasks.atom.sampling import known_normals
from atombench.tasks.atom.search.best_poses import BestPoses
from atombench.tasks.atom.search.candidates import Lattices, distinct_orientations, every_position
from atombench.tasks.atom.search.pose_search import PoseSearch
from atombench.tasks.atom.search.refinement import Judge, refined, tilts_between

Array = NDArray[np.float64]
POSES, STARTS = 64, 8  # poses of each query that are compared by all pixels, and that are refined
CLOSE = 0.7  # a match is close if the difference is at most this share of the standard deviation of the query's pixels


@dataclass(frozen=True)
class Matches:
    """Best match of Q queries.

    Attributes:
        centres: (Q, 3) voxels.
        normals: (Q, 3).
        differences: root mean squared differences of pixels, (Q,); infinite if no candidate shows tissue.
    """

    centres: Array
    normals: Array
    differences: Array


@dataclass(frozen=True)
class PixelMatch:
    """Search of volumes of one size.

    Attributes:
        search: search for the first poses, without refinement.
        tilts: angles of refinement in radians, largest first; none at scale 1, where all distinct normals are compared.
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
        return PixelMatch(search, tilts_between(orientations) if coarse else ())

    def best(self, volume: NDArray[np.float32], pixels: NDArray[np.float32]) -> Matches:
        """Return the best matches of queries (Q, W, W) in a volume (E, E, E); only close ones are refined."""
        poses = self.search.best(volume, pixels)
        found = [poses.centres[:, 0], poses.normals[:, 0], poses.scores[:, 0]]
        spread = torch.from_numpy(pixels.std(axis=(1, 2))).to(poses.scores.device)
        close = ((-found[2]).clamp(min=0).div(pixels[0].size).sqrt() <= CLOSE * spread).nonzero()[:, 0]
        if self.tilts and len(close):
            lattices, measure = self.search.lattices, self.search.measure
            features = measure.features(torch.from_numpy(pixels).to(close.device)[close].double())[None]
            judge = Judge(torch.from_numpy(volume).to(close.device), lattices.grid, measure, features, self.search.tissue_only)
            first = BestPoses(*(values[close] for values in vars(poses.first(STARTS)).values()))
            better = first.replaced(refined(first, judge, self.tilts))
            for values, new in zip(found, (better.centres, better.normals, better.scores), strict=True):
                values[close] = new[:, 0]
        centres, normals, scores = (values.cpu().numpy() for values in found)
        return Matches(centres, normals, np.sqrt(np.maximum(-scores, 0) / pixels[0].size))
