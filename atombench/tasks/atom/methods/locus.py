"""`locus`: the platform's own method, a search whose measure of similarity is learned.

A 3D network turns the volume into a field of features, a 2D network turns the section into features of 16 anchor points, and
the score of a pose is the sum of their products where the pose puts the anchors (`locus_network.py`). As every pose is scored
by what lies there, a moved or exchanged volume changes the answer accordingly. The features are trained on sections damaged as
in histology, against poses near the true one and random ones of the same volume.

1. *Training.* In every step, new poses are drawn in mirrored and moved training volumes (`learning/drawn_feed.py`).
2. *Search.* All poses of a coarse grid are scored; the best are moved and tilted (`search/feature_search.py`).
3. *Exact match.* An undamaged section is found better by comparing pixels. The search by SSD (`search/pixel_match.py`) answers
   the sections that it matches to within a difference that is chosen on validation sections.
4. *Probabilities.* Scores of boxes are sums of probabilities of the best poses, calibrated on validation sections.

Related work: dense matching of features of two images (Sun et al., LoFTR, CVPR 2021), contrastive training (Oord et al.,
arXiv 1807.03748), slice-to-volume registration by networks (Xu et al., SVoRT, MICCAI 2022), all of which inspired parts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from atombench.engine import contract
from atombench.engine.training.device import keyed_torch
from atombench.engine.training.loop import Course
from atombench.engine.training.schedule import Optimizer
from atombench.progress import tracked
from atombench.tasks.atom.geometry import BlockGrid
from atombench.tasks.atom.learning.drawn_feed import DrawnFeed, near_tissue
from atombench.tasks.atom.learning.feed import SectionFeed
from atombench.tasks.atom.methods.locus_network import LocusNetwork
from atombench.tasks.atom.methods.network import NetworkOptions, TrainedMethod, load_weights
from atombench.tasks.atom.methods.published import VOLUMES, check_unseen, published, volume_prints
from atombench.tasks.atom.queries import Queries
from atombench.tasks.atom.sampling import known_normals
from atombench.tasks.atom.search.best_poses import BestPoses
from atombench.tasks.atom.search.candidates import every_position
from atombench.tasks.atom.search.feature_search import REACH, FeatureSearch
from atombench.tasks.atom.search.pixel_match import Matches, PixelMatch
from atombench.tasks.atom.search.posterior import Calibration, boxes_of, calibrated, posterior
from atombench.tasks.atom.training import Training

NAME = "locus"
CALIBRATION = "calibration/"  # prefix of the names of weights that are calibrated, not learned
MATCH = f"{CALIBRATION}match"
Array = NDArray[np.float64]


class LocusOptions(NetworkOptions):
    """Options of `locus`."""

    steps: int = Field(default=2000, ge=1, description="optimiser steps")
    batch_volumes: int = Field(default=2, ge=1, description="volumes per batch")
    batch_sections: int = Field(default=192, ge=1, description="sections per volume of a batch")
    learning_rate: float = Field(default=2e-3, gt=0)
    weight_decay: float = Field(default=1e-2, ge=0)
    optimizer: Optimizer = Field(default="muon", description="optimiser of weight matrices: adamw or muon")
    damage: int = Field(default=4, ge=0, le=5, description="highest severity of histology damage to the training sections")
    val_sections: int = Field(default=192, ge=1, description="validation sections, also for the calibration")
    features: int = Field(default=32, ge=1, description="features of a voxel and of an anchor")
    compared: int = Field(default=100, ge=1, description="random poses of each volume that its sections are compared with")
    mirror: bool = Field(default=True, description="mirror training volumes along the first axis")
    shift: int = Field(default=2, ge=0, description="largest shift of training volumes, in voxels at scale 1")
    orientations: int = Field(default=64, ge=1, description="normals of the search")
    poses: int = Field(default=64, ge=1, description="poses of each section from which scores of boxes are derived")
    starts: int = Field(default=8, ge=1, description="poses of each section that are refined")
    published: bool = Field(default=False, description="use the published weights instead of training")
    match: int = Field(default=100, ge=1, description="normals of the search for exact matches; times 10 at scale 1")


@dataclass(frozen=True)
class Located:
    """Poses of the Q queries of one volume.

    Attributes:
        centres: the answer first, then other good poses; (Q, K, 3), voxels.
        normals: likewise.
        scores: (Q, K).
        matches: best matches of pixels.
    """

    centres: Array
    normals: Array
    scores: Array
    matches: Matches


class Locus(TrainedMethod):
    """Search by learned similarity."""

    Options = LocusOptions
    smoke: ClassVar[dict[str, Any]] = {
        **TrainedMethod.smoke,
        "val_sections": 16,
        "compared": 8,
        "orientations": 8,
        "poses": 8,
        "starts": 1,
        "match": 2,
    }

    def network(self, grid: BlockGrid) -> LocusNetwork:
        """Build the untrained network."""
        return LocusNetwork(grid, self.options.features, self.options.compared)

    def fit(self, training: Training, resources: contract.Resources) -> contract.Weights:
        """Train the network, or take published weights, then calibrate it on validation sections; see `TrainedMethod.fit`.

        Raises:
            ConfigError: no weights are published for this size.
            DataError: published weights may have been trained on test volumes.
        """
        if self.options.published:
            weights = published(NAME, training.grid)
            check_unseen(weights, training)
        else:
            trained_on = volume_prints(training.volumes[np.unique(training.train.volume)])
            weights = {**super().fit(training, resources), VOLUMES: trained_on}
        return {**weights, **self._calibration(weights, training, resources)}

    def course(self, training: Training, device: str) -> Course:
        """Return batches of newly drawn sections; the score is the accuracy of ranking on fixed validation sections."""
        options = self.options
        rows = np.unique(training.train.volume)
        volumes = torch.from_numpy(training.volumes[rows]).to(device)
        feed = DrawnFeed(volumes, training.grid, options.damage, options.mirror, options.shift * training.grid.scale)
        held_out = SectionFeed(training.volumes, training.val, training.grid, device, options.damage)
        fixed = held_out.fixed(options.val_sections, "validation sections")
        return Course(
            device=device,
            batches=partial(feed.batches, options.batch_volumes, options.batch_sections),
            size=options.batch_volumes * options.batch_sections,
            unit="section",
            score=lambda network: network.ranking_accuracy(fixed),
            score_name="ranking_accuracy",
        )

    def predict(self, weights: contract.Weights, queries: Queries, resources: contract.Resources) -> contract.Answers:
        """Return poses and probabilities of boxes.

        Raises:
            DataError: the weights do not match the options.
        """
        network = self._loaded(weights, queries.grid, resources)
        calibration = Calibration.of(weights, CALIBRATION)
        limit, centres, normals, boxes = float(weights[MATCH][0]), [], [], []
        for found in self._located(network, queries, resources):
            matches = found.matches
            trusted = (matches.differences <= limit)[:, None]
            at_match = boxes_of(matches.centres[:, None], matches.normals[:, None], queries.grid)[:, 0]
            inside = boxes_of(found.centres, found.normals, queries.grid)
            boxes.append(np.where(trusted, at_match, posterior(found.scores, inside, calibration)).astype(np.float32))
            centres.append(np.where(trusted, matches.centres, found.centres[:, 0]))
            normals.append(np.where(trusted, matches.normals, found.normals[:, 0]))
        return contract.Answers(
            boxes=np.concatenate(boxes),
            centres=np.concatenate(centres),
            normals=np.concatenate(normals),
            probabilities=True,
            about={"parameters": sum(weight.numel() for weight in network.parameters())},
        )

    def _loaded(self, weights: contract.Weights, grid: BlockGrid, resources: contract.Resources) -> LocusNetwork:
        return load_weights(self.network(grid), _learned(weights), resources)

    def _calibration(
        self, weights: contract.Weights, training: Training, resources: contract.Resources
    ) -> dict[str, NDArray[np.float64]]:
        """Return the calibration of scores, and the largest difference of pixels at which a match is trusted."""
        network, grid = self._loaded(weights, training.grid, resources), training.grid
        judged = []
        for damage in sorted({0, self.options.damage}):
            batch = SectionFeed(training.volumes, training.val, grid, "cpu", damage).fixed(
                self.options.val_sections, "validation sections"
            )
            volumes, index, pixels = (tensor.numpy() for tensor in (batch.volumes, batch.volume_index, batch.pixels))
            found = list(self._located(network, Queries(grid, training.gathering, volumes, index, pixels), resources))
            judged.append(_judged(found, batch.centres.numpy(), REACH * grid.scale))
        inside = np.concatenate([boxes_of(part.centres, part.normals, grid) for part in found])
        calibration = calibrated(np.concatenate([part.scores for part in found]), inside, batch.labels.boxes.numpy())
        named = {CALIBRATION + name: np.array([value]) for name, value in vars(calibration).items()}
        return {**named, MATCH: np.array([trusted_difference(*np.concatenate(judged, axis=1))])}

    def _located(self, network: LocusNetwork, queries: Queries, resources: contract.Resources) -> Iterator[Located]:
        """Yield the poses of the queries of each volume that has some."""
        options, grid, device = self.options, queries.grid, resources.device
        normals = torch.from_numpy(known_normals("tissue", options.orientations)).float().to(device)
        search = FeatureSearch(grid, normals, options.poses, options.starts)
        cells = torch.from_numpy(every_position(grid, grid.scale)).to(device)
        count = options.match * (10 if grid.scale == 1 else 1)
        match = PixelMatch.of(grid, queries.gathering, count, device, resources.threads)
        for volume, voxels in enumerate(tracked(queries.volumes, len(queries.volumes), "locate", "volume")):
            pixels = queries.pixels[queries.of_volume(volume)]
            if len(pixels):
                with torch.no_grad(), keyed_torch(device, options.deterministic):
                    poses = _best_poses(network, search, cells, voxels, pixels, device)
                centres, normal, scores = (values.cpu().numpy() for values in (poses.centres, poses.normals, poses.scores))
                yield Located(centres, normal, scores, match.best(voxels, pixels))


def _best_poses(
    network: LocusNetwork,
    search: FeatureSearch,
    cells: Tensor,
    voxels: NDArray[np.float32],
    pixels: NDArray[np.float32],
    device: str,
) -> BestPoses:
    """Return the best poses of sections (Q, W, W) in a volume (E, E, E); cells (C, 3) are the positions of the grid."""
    volume = torch.from_numpy(voxels).to(device)
    field = network.field(volume)
    near = torch.zeros(volume.numel(), dtype=torch.bool, device=device)
    near[near_tissue(volume)] = True
    edge = volume.shape[0]
    kept = near[(cells * torch.tensor([edge**2, edge, 1], device=device)).sum(dim=1)]
    return search.best(
        cells[kept] if kept.any() else cells,
        partial(network.templates, field),
        network.queries(torch.from_numpy(pixels).to(device)),
    )


def _judged(found: Sequence[Located], true_centres: NDArray[np.float32], reach: float) -> Array:
    """Return the differences of matches, whether matches are right, and whether other answers are; (3, M)."""
    differences = np.concatenate([part.matches.differences for part in found])
    answers = (np.concatenate(parts) for parts in zip(*[(p.matches.centres, p.centres[:, 0]) for p in found], strict=True))
    right = [np.linalg.norm(centres - true_centres, axis=1) <= reach for centres in answers]
    return np.stack([differences, *right])


def trusted_difference(differences: Array, match_right: Array, other_right: Array) -> float:
    """Return the difference up to which matches are trusted, so that most answers are right; -1 to trust none.

    >>> trusted_difference(np.array([0.0, 0.1, 0.3]), np.array([1.0, 1.0, 0.0]), np.array([0.0, 1.0, 1.0]))
    0.1
    """
    order = np.argsort(differences, kind="stable")
    gains = np.cumsum(match_right[order] - other_right[order])
    best = int(np.flatnonzero(gains == gains.max())[-1])
    return float(differences[order][best]) if gains[best] >= 0 and np.isfinite(differences[order][best]) else -1.0


def _learned(weights: contract.Weights) -> Mapping[str, NDArray[np.generic]]:
    """Return the weights of the network."""
    return {name: value for name, value in weights.items() if name != VOLUMES and not name.startswith(CALIBRATION)}
