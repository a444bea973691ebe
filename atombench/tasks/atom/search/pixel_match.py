"""Best match of pixels: the search by sums of squared differences, refined at scales above 1."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from atombench.similarity.ssd import Ssd
from atombench.tasks.atom.geometry import BlockGrid
from atombench.tasks.atom.sampling import known_normals
from atombench.tasks.atom.search.best_poses import best_poses
from atombench.tasks.atom.search.candidates import Candidates, Lattices, distinct_orientations, every_position
from atombench.tasks.atom.search.exact import ExactSearch
from atombench.tasks.atom.search.refinement import Judge, refined, tilts_between

Array = NDArray[np.float64]
STARTS = 4  # poses of each query that are refined


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
        lattices: all positions, and normals.
        tilts: angles of refinement in radians, largest first; none at scale 1, where all distinct normals are compared.
        tissue_only: whether only sections that show tissue are considered.
        threads: processor threads.
    """

    lattices: Lattices
    tilts: tuple[float, ...]
    tissue_only: bool
    threads: int

    @staticmethod
    def of(grid: BlockGrid, gathering: str, orientations: int, device: str, threads: int) -> PixelMatch:
        """Return the search for a board with about this number of orientations, if their set is not finite."""
        normals = distinct_orientations(known_normals(gathering, orientations), grid)
        tilts = tilts_between(orientations) if grid.scale > 1 else ()
        return PixelMatch(Lattices(grid, normals, every_position(grid), device), tilts, gathering == "tissue", threads)

    def best(self, volume: NDArray[np.float32], pixels: NDArray[np.float32]) -> Matches:
        """Return the best matches of queries (Q, W, W) in a volume (E, E, E)."""
        device, grid, measure = self.lattices.device, self.lattices.grid, Ssd()
        queries = torch.from_numpy(pixels).to(device)
        search = ExactSearch(Candidates(volume, self.lattices, self.tissue_only), measure, queries, self.threads)
        poses = best_poses(search, self.lattices, 1, STARTS)
        if self.tilts:
            features = measure.features(queries.double())[None]
            judge = Judge(torch.from_numpy(volume).to(device), grid, measure, features, self.tissue_only)
            poses = poses.replaced(refined(poses, judge, self.tilts))
        centres, normals, scores = (values[:, 0].cpu().numpy() for values in (poses.centres, poses.normals, poses.scores))
        return Matches(centres, normals, np.sqrt(np.maximum(-scores, 0) / grid.section**2))
