"""Calibration of `locus` on validation sections: probabilities of poses, and which matches are trusted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from atombench.engine.contract import Weights
from atombench.tasks.atom.learning.feed import Batch
from atombench.tasks.atom.methods.locus_search import LocusSearch
from atombench.tasks.atom.search.feature_search import REACH
from atombench.tasks.atom.search.posterior import boxes_of, calibrated

CALIBRATION = "calibration/"  # prefix of the names of all values that are calibrated, not learned
FEATURES, MATCHES = f"{CALIBRATION}features/", f"{CALIBRATION}matches/"  # prefixes of the calibrations of both kinds of poses
TRUSTED = f"{CALIBRATION}trusted"  # largest difference at which a match is trusted
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Judged:
    """Poses of Q validation sections by features and by matches, and whether they are right.

    Attributes:
        scores: scores by features, (Q, K).
        boxes: boxes that contain the poses by features, (Q, K, 729).
        evidence: evidence of matches, (Q, M).
        match_boxes: boxes that contain the matches, (Q, M, 729).
        correct: labels, (Q, 729).
        trials: differences of the best matches, whether these are right, and whether the answers by features are; (Q, 3).
    """

    scores: Array
    boxes: NDArray[np.bool_]
    evidence: Array
    match_boxes: NDArray[np.bool_]
    correct: NDArray[np.bool_]
    trials: Array

    def take(self, rows: NDArray[np.bool_]) -> Judged:
        """Return some of the sections."""
        return Judged(*(values[rows] for values in vars(self).values()))

    @staticmethod
    def of(search: LocusSearch, batch: Batch) -> Judged:
        """Search validation sections in both ways."""
        volumes, index, pixels, true = (
            tensor.numpy() for tensor in (batch.volumes, batch.volume_index, batch.pixels, batch.centres)
        )
        grid, parts = search.grid, []
        for volume in np.unique(index):
            rows = index == volume
            poses, matches = search.poses(volumes[volume], pixels[rows]), search.matches(volumes[volume], pixels[rows])
            right = [
                np.linalg.norm(centres[:, 0] - true[rows], axis=1) <= REACH * grid.scale
                for centres in (matches.centres, poses.centres)
            ]
            inside = (boxes_of(found.centres, found.normals, grid) for found in (poses, matches))
            parts.append(
                (poses.scores, matches.evidence, *inside, rows.nonzero()[0], np.stack([matches.differences, *right], axis=1))
            )
        scores, evidence, boxes, match_boxes, rows, trials = (np.concatenate(part) for part in zip(*parts, strict=True))
        return Judged(scores, boxes, evidence, match_boxes, batch.labels.boxes.numpy()[rows], trials)


def calibration(parts: Sequence[Judged]) -> Weights:
    """Return the largest difference at which a match is trusted, and the calibrations of trusted matches and of other poses.

    Args:
        parts: undamaged and damaged sections.
    """
    every = Judged(*(np.concatenate(values) for values in zip(*(vars(part).values() for part in parts), strict=True)))
    limit = trusted_difference(*every.trials.T)
    trusted = every.trials[:, 0] <= limit
    match, other = (every.take(rows if rows.any() else ~rows) for rows in (trusted, ~trusted))
    named = {
        MATCHES: calibrated(match.evidence, match.match_boxes, match.correct),
        FEATURES: calibrated(other.scores, other.boxes, other.correct),
    }
    values = {prefix + name: np.array([value]) for prefix, found in named.items() for name, value in vars(found).items()}
    return {**values, TRUSTED: np.array([limit])}


def trusted_difference(differences: Array, match_right: Array, other_right: Array) -> float:
    """Return the difference up to which matches are trusted, so that most answers are right; -1 to trust none.

    >>> trusted_difference(np.array([0.0, 0.1, 0.3]), np.array([1.0, 1.0, 0.0]), np.array([0.0, 1.0, 1.0]))
    0.1
    """
    order = np.argsort(differences, kind="stable")
    gains = np.cumsum(match_right[order] - other_right[order])
    best = int(np.flatnonzero(gains == gains.max())[-1])
    return float(differences[order][best]) if gains[best] >= 0 and np.isfinite(differences[order][best]) else -1.0
