"""Search `exhaustive`: the most similar candidate among all positions and distinct orientations.

It learns nothing. Without degradation the true section is among the candidates, and the task is a look-up; this search is
the baseline for every learned method.

The default measure is the sum of squared differences (SSD); sections of another contrast need one of the others. Every
candidate is compared, and ties are resolved by the first orientation and position (`atombench.tasks.atom.search.exact`). On a
board whose sections all show tissue, only candidates that do are considered.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import Field

from atombench.engine import contract
from atombench.progress import tracked
from atombench.similarity.table import MEASURES, Similarity
from atombench.tasks.atom.queries import Queries
from atombench.tasks.atom.sampling import known_normals
from atombench.tasks.atom.search.candidates import Candidates, Lattices, distinct_orientations, every_position
from atombench.tasks.atom.search.exact import ExactSearch
from atombench.tasks.atom.training import Training


class ExhaustiveOptions(contract.Options):
    """Options of the exhaustive search."""

    similarity: Similarity = Field(default="ssd", description="measure of similarity")
    orientations: int = Field(default=4000, ge=1, description="normals on the half sphere, if the set of normals is not finite")


class Exhaustive:
    """Most similar candidate section."""

    Options = ExhaustiveOptions
    smoke: ClassVar[dict[str, Any]] = {"orientations": 50}

    def __init__(self, options: ExhaustiveOptions) -> None:
        self.options = options

    def fit(self, training: Training, resources: contract.Resources) -> contract.Weights:
        """Return no weights; the search learns nothing."""
        return {}

    def predict(self, weights: contract.Weights, queries: Queries, resources: contract.Resources) -> contract.Answers:
        """Search every volume and return the best poses."""
        grid, tissue_only = queries.grid, queries.gathering == "tissue"
        normals = distinct_orientations(known_normals(queries.gathering, self.options.orientations), grid)
        lattices = Lattices(grid, normals, every_position(grid), resources.device)
        measure, chosen = MEASURES[self.options.similarity], np.zeros((2, len(queries)), dtype=np.int64)
        for volume, voxels in enumerate(tracked(queries.volumes, len(queries.volumes), "search", "volume")):
            rows = queries.of_volume(volume)
            pixels = torch.from_numpy(queries.pixels[rows]).to(resources.device)
            if not len(pixels):
                continue
            found = ExactSearch(Candidates(voxels, lattices, tissue_only), measure, pixels, resources.threads).find()
            chosen[:, rows] = torch.stack([found.orientations, found.positions]).cpu().numpy()
        return contract.Answers(
            centres=lattices.centres[chosen[1]].astype(np.float64),
            normals=normals[chosen[0]],
            about={"parameters": 0, "orientations": len(normals), "positions": len(lattices.centres)},
        )
