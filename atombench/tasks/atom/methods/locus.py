"""`locus`: the platform's own method, a search whose measure of similarity is learned.

A 3D network turns the volume into a field of features, a 2D network turns the section into features of 16 anchor points, and
the score of a pose is the sum of their products where the pose puts the anchors (`locus_network.py`). As every pose is scored
by what lies there, a moved or exchanged volume changes the answer accordingly. The features are trained on sections damaged as
in histology, against poses near the true one and random ones of the same volume.

1. *Training.* In every step, new poses are drawn in mirrored and moved training volumes (`learning/drawn_feed.py`).
2. *Match.* An undamaged section is found better by comparing pixels. The search by SSD (`search/pixel_match.py`) answers the
   sections that it matches to within a difference that is chosen on validation sections.
3. *Search.* For the others, all poses of a coarse grid are scored; the best are moved and tilted (`search/feature_search.py`).
   Scores are summed over views of the volume: itself and its mirror image (`search/views.py`).
4. *Probabilities.* Scores of boxes are sums of probabilities of the best poses, calibrated on validation sections
   (`locus_calibration.py`).

Related work: dense matching of features of two images (Sun et al., LoFTR, CVPR 2021), contrastive training (Oord et al.,
arXiv 1807.03748), slice-to-volume registration by networks (Xu et al., SVoRT, MICCAI 2022), all of which inspired parts.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from atombench.engine import contract
from atombench.engine.training.loop import Course
from atombench.progress import tracked
from atombench.tasks.atom.geometry import BOXES, BlockGrid
from atombench.tasks.atom.learning.drawn_feed import DrawnFeed
from atombench.tasks.atom.learning.feed import SectionFeed
from atombench.tasks.atom.methods.locus_calibration import CALIBRATION, FEATURES, MATCHES, TRUSTED, Judged, calibration
from atombench.tasks.atom.methods.locus_network import LocusNetwork
from atombench.tasks.atom.methods.locus_options import LocusOptions
from atombench.tasks.atom.methods.locus_search import LocusSearch
from atombench.tasks.atom.methods.network import TrainedMethod, load_weights
from atombench.tasks.atom.methods.published import VOLUMES, check_unseen, published, volume_prints
from atombench.tasks.atom.queries import Queries
from atombench.tasks.atom.search.posterior import Calibration, boxes_of, posterior
from atombench.tasks.atom.training import Training

NAME = "locus"
Array = NDArray[np.float64]


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
            weights = _trained(published(NAME, training.grid))
            check_unseen(weights, training)
        else:
            trained_on = volume_prints(training.volumes[np.unique(training.train.volume)])
            weights = {**super().fit(training, resources), VOLUMES: trained_on}
        search = self._search(weights, training.grid, training.gathering, resources)
        judged = []
        for damage in sorted({0, self.options.damage}):
            feed = SectionFeed(training.volumes, training.val, training.grid, "cpu", damage)
            judged.append(Judged.of(search, feed.fixed(self.options.val_sections, "validation sections")))
        return {**weights, **calibration(judged)}

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
        search = self._search(weights, queries.grid, queries.gathering, resources)
        answers = []
        for volume, voxels in enumerate(tracked(queries.volumes, len(queries.volumes), "locate", "volume")):
            pixels = queries.pixels[queries.of_volume(volume)]
            if len(pixels):
                answers.append(_answers(search, weights, voxels, pixels))
        boxes, centres, normals = (np.concatenate(parts) for parts in zip(*answers, strict=True))
        return contract.Answers(
            boxes=boxes.astype(np.float32),
            centres=centres,
            normals=normals,
            probabilities=True,
            about={"parameters": sum(weight.numel() for weight in search.network.parameters())},
        )

    def _search(self, weights: contract.Weights, grid: BlockGrid, gathering: str, resources: contract.Resources) -> LocusSearch:
        learned = {name: value for name, value in _trained(weights).items() if name != VOLUMES}
        network = load_weights(self.network(grid), learned, resources)
        return LocusSearch.of(network, self.options, gathering, resources)


def search_with(
    weights: contract.Weights, grid: BlockGrid, options: Mapping[str, Any], resources: contract.Resources
) -> LocusSearch:
    """Return the search of a trained network, for use outside boards.

    Raises:
        DataError: the weights do not match the grid and the options.
    """
    return Locus(LocusOptions(**options))._search(weights, grid, "tissue", resources)


def _answers(
    search: LocusSearch, weights: contract.Weights, voxels: NDArray[np.float32], pixels: NDArray[np.float32]
) -> tuple[Array, Array, Array]:
    """Return boxes (Q, 729), centres and normals (Q, 3) of the queries of one volume: of trusted matches, or by features."""
    matches = search.matches(voxels, pixels)
    trusted = matches.differences <= float(weights[TRUSTED][0])
    boxes = np.zeros((len(pixels), BOXES))
    centres, normals = matches.centres[:, 0], matches.normals[:, 0]
    if trusted.any():
        inside = boxes_of(matches.centres[trusted], matches.normals[trusted], search.grid)
        boxes[trusted] = posterior(matches.evidence[trusted], inside, Calibration.of(weights, MATCHES))
    if not trusted.all():
        poses = search.poses(voxels, pixels[~trusted])
        inside = boxes_of(poses.centres, poses.normals, search.grid)
        boxes[~trusted] = posterior(poses.scores, inside, Calibration.of(weights, FEATURES))
        centres[~trusted], normals[~trusted] = poses.centres[:, 0], poses.normals[:, 0]
    return boxes, centres, normals


def _trained(weights: contract.Weights) -> Mapping[str, NDArray[np.generic]]:
    """Return weights without their calibration."""
    return {name: value for name, value in weights.items() if not name.startswith(CALIBRATION)}
