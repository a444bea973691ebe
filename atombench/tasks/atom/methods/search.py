"""Search `search`: candidates, a measure of similarity, refinement, and calibrated probabilities of boxes.

1. At scale 1, all positions and distinct orientations are compared, as by `exhaustive`. At other scales, these are all
   positions and `coarse_orientations` normals, and of sections with context c every c-th row and column. The best poses are
   then moved and tilted in ever smaller steps.
2. Queries may be turned and mirrored first, as sections are on a slide.
3. The best poses may be registered by Mattes mutual information. A result is kept if the measure's own score does not fall.
4. The scores of boxes are sums of probabilities of the best poses, calibrated on clean and damaged validation sections.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field

from atombench.engine import contract
from atombench.progress import tracked
from atombench.similarity.table import MEASURES, Similarity
from atombench.tasks.atom.geometry import BlockGrid
from atombench.tasks.atom.learning.feed import SectionFeed
from atombench.tasks.atom.queries import Queries
from atombench.tasks.atom.sampling import known_normals
from atombench.tasks.atom.search.candidates import Lattices, distinct_orientations, every_position
from atombench.tasks.atom.search.pose_search import PoseSearch
from atombench.tasks.atom.search.posterior import Calibration, boxes_of, calibrated, posterior
from atombench.tasks.atom.search.refinement import LEVELS, tilts_between
from atombench.tasks.atom.training import Training

FINITE = ("hard", "easy")  # gatherings with a finite set of normals, which are not tilted

Array = NDArray[np.float64]


class SearchOptions(contract.Options):
    """Options of the search."""

    similarity: Similarity = Field(default="ssd", description="measure of similarity")
    orientations: int = Field(default=4000, ge=1, description="normals at scale 1, if the set of normals is not finite")
    coarse_orientations: int = Field(default=100, ge=1, description="the same at other scales, before refinement")
    turns: list[float] = Field(default=[0.0], min_length=1, description="angles in degrees by which sections are turned")
    mirrored: bool = Field(default=False, description="also compare mirrored sections")
    refinement: Literal["none", "mattes"] = Field(default="none", description="registration of the best poses")
    starts: int = Field(default=16, ge=1, description="poses of each section that are refined")
    poses: int = Field(default=128, ge=1, description="poses of each section from which scores of boxes are derived")
    damage: int = Field(default=0, ge=0, le=5, description="half of it is the severity of damage of the calibration's sections")
    val_sections: int = Field(default=256, ge=1, description="validation sections for the calibration")


class Search:
    """Most similar poses, and probabilities of boxes."""

    Options = SearchOptions
    smoke: ClassVar[dict[str, Any]] = {"orientations": 50, "val_sections": 16, "poses": 8, "starts": 1}

    def __init__(self, options: SearchOptions) -> None:
        self.options = options

    def fit(self, training: Training, resources: contract.Resources) -> contract.Weights:
        """Return the calibration, fitted to clean and damaged validation sections: temperature, doubt and share."""
        found, correct = [], []
        for damage in sorted({0, self.options.damage}):
            feed = SectionFeed(training.volumes, training.val, training.grid, "cpu", damage)
            batch = feed.fixed(self.options.val_sections, "search calibration")
            volumes, index, pixels = (tensor.numpy() for tensor in (batch.volumes, batch.volume_index, batch.pixels))
            queries = Queries(training.grid, training.gathering, volumes, index, pixels)
            found += [(evidence, boxes) for _, _, evidence, boxes in self._searched(queries, resources)]
            correct.append(batch.labels.boxes.numpy())
        evidence, boxes = (np.concatenate(parts) for parts in zip(*found, strict=True))
        calibration = calibrated(evidence, boxes, np.concatenate(correct))
        return {name: np.array([value]) for name, value in vars(calibration).items()}

    def predict(self, weights: contract.Weights, queries: Queries, resources: contract.Resources) -> contract.Answers:
        """Search every volume and return probabilities of boxes, and the best poses."""
        calibration = Calibration.of(weights)
        centres, normals, boxes = [], [], []
        for best_centres, best_normals, evidence, inside in self._searched(queries, resources):
            centres.append(best_centres)
            normals.append(best_normals)
            boxes.append(posterior(evidence, inside, calibration).astype(np.float32))
        return contract.Answers(
            boxes=np.concatenate(boxes),
            centres=np.concatenate(centres),
            normals=np.concatenate(normals),
            probabilities=True,
            about={"parameters": len(weights)},
        )

    def _searched(
        self, queries: Queries, resources: contract.Resources
    ) -> Iterator[tuple[Array, Array, Array, NDArray[np.bool_]]]:
        """Yield the best centres and normals (Q, 3) of each volume's queries, and evidence and boxes of their best poses."""
        torch.set_num_threads(resources.threads)
        search = self._search(queries.grid, queries.gathering, resources)
        for volume, voxels in enumerate(tracked(queries.volumes, len(queries.volumes), "search", "volume")):
            rows = queries.of_volume(volume)
            if rows.start == rows.stop:
                continue
            poses = search.best(voxels, queries.pixels[rows])
            evidence = search.evidence(queries.pixels[rows], poses).cpu().numpy()
            centres, normals = poses.centres.cpu().numpy(), poses.normals.cpu().numpy()
            yield centres[:, 0], normals[:, 0], evidence, boxes_of(centres, normals, queries.grid)

    def _search(self, grid: BlockGrid, gathering: str, resources: contract.Resources) -> PoseSearch:
        options, coarse = self.options, grid.scale > 1
        count = options.coarse_orientations if coarse else options.orientations
        normals = distinct_orientations(known_normals(gathering, count), grid)
        tilts = (0.0,) * LEVELS if gathering in FINITE else tilts_between(count)
        return PoseSearch(
            lattices=Lattices(grid, normals, every_position(grid), resources.device, grid.context if coarse else 1),
            measure=MEASURES[options.similarity],
            tissue_only=gathering == "tissue",
            turns=tuple(options.turns),
            mirrored=options.mirrored,
            poses=options.poses,
            starts=options.starts,
            tilts=tilts if coarse else (),
            mattes=options.refinement == "mattes",
            threads=resources.threads,
        )
