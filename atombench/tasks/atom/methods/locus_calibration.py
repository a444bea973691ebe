"""Calibration of `locus` on validation sections: probabilities of poses, and which matches are trusted."""

from __future__ import annotations

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
        trials: differences of the best matches, whether these are right, and whether the answers by features are; (3, Q).
    """

    scores: Array
    boxes: NDArray[np.bool_]
    evidence: Array
    match_boxes: NDArray[np.bool_]
    correct: NDArray[np.bool_]
    trials: Array

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
        return Judged(scores, boxes, evidence, match_boxes, batch.labels.boxes.numpy()[rows], trials.T)


def calibration(clean: Judged, damaged: Judged) -> Weights:
    """Return the calibrations, and the largest difference at which a match is trusted.

    Args:
        clean: undamaged sections, which the matches are calibrated on.
        damaged: damaged sections, which the poses by features are calibrated on.
    """
    named = {
        FEATURES: calibrated(damaged.scores, damaged.boxes, damaged.correct),
        MATCHES: calibrated(clean.evidence, clean.match_boxes, clean.correct),
    }
    values = {prefix + name: np.array([value]) for prefix, found in named.items() for name, value in vars(found).items()}
    return {**values, TRUSTED: np.array([trusted_difference(*np.concatenate([clean.trials, damaged.trials], axis=1))])}


def trusted_difference(differences: Array, match_right: Array, other_right: Array) -> float:
    """Return the difference up to which matches are trusted, so that most answers are right; -1 to trust none.

    >>> trusted_difference(np.array([0.0, 0.1, 0.3]), np.array([1.0, 1.0, 0.0]), np.array([0.0, 1.0, 1.0]))
    0.1
    """
    order = np.argsort(differences, kind="stable")
    gains = np.cumsum(match_right[order] - other_right[order])
    best = int(np.flatnonzero(gains == gains.max())[-1])
    return float(differences[order][best]) if gains[best] >= 0 and np.isfinite(differences[order][best]) else -1.0
