"""Scores of boxes from the best poses: the probability that a box contains the section, calibrated on validation sections."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from atombench.errors import DataError
from atombench.tasks.atom.geometry import BOXES, BlockGrid, plane

Array = NDArray[np.float64]
TINY = 1e-12
TEMPERATURES = np.geomspace(1e-5, 1e3, 65)
LIMITS = np.linspace(0, 1, 21)  # quantiles of best scores
DOUBTS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)


@dataclass(frozen=True)
class Calibration:
    """How scores of poses become probabilities.

    Attributes:
        temperature: difference of scores that makes a pose less likely by a factor of e.
        doubt: probability that none of the best poses is near the true one, for queries whose best score is at most `limit`.
        share: probability of each box in that case: the share of correct boxes.
        limit: best score that sets queries with good matches apart.
        good_doubt: as `doubt`, for queries with a better score.
    """

    temperature: float
    doubt: float
    share: float
    limit: float
    good_doubt: float

    @staticmethod
    def of(weights: Mapping[str, NDArray[np.generic]], prefix: str = "") -> Calibration:
        """Return the calibration that is stored among weights.

        Raises:
            DataError: it is not complete, as in weights of an older version.
        """
        names = {field.name: prefix + field.name for field in fields(Calibration)}
        if missing := [name for name in names.values() if name not in weights]:
            msg = f"the weights have no {', '.join(missing)}; train again"
            raise DataError(msg)
        return Calibration(**{field: float(np.asarray(weights[name]).ravel()[0]) for field, name in names.items()})

    def doubts(self, scores: Array) -> Array:
        """Return the doubt of each query, given the scores of its poses (Q, K); (Q, 1)."""
        return np.where(scores.max(axis=1, keepdims=True) > self.limit, self.good_doubt, self.doubt)


def boxes_of(centres: Array, normals: Array, grid: BlockGrid) -> NDArray[np.bool_]:
    """Return which boxes contain the four rounded corners of poses (Q, K, 3) each; bool (Q, K, 729)."""
    a, b = (offset[grid.corners] for offset in grid.offsets)
    corners = plane(normals.reshape(-1, 3), (a, b)).reshape(*normals.shape, 4)
    points = np.round(corners + centres[..., None])
    low, high = points.min(axis=-1), points.max(axis=-1)  # (Q, K, 3)
    starts, inside = grid.box_starts, np.ones((*centres.shape[:2], BOXES), dtype=np.bool_)
    for axis in range(3):
        inside &= low[..., axis, None] >= starts[:, axis]
        inside &= high[..., axis, None] < starts[:, axis] + grid.fine_edge
    return inside


def posterior(scores: Array, boxes: NDArray[np.bool_], calibration: Calibration) -> Array:
    """Return the probability that each box is correct, float64 (Q, 729).

    Poses have probabilities proportional to exp(score / temperature). The probability of a box is the sum over the poses that
    it contains, mixed with the same probability for all boxes. As a section may be in several boxes, probabilities of boxes may
    add up to more than 1.

    Args:
        scores: similarity of the poses, (Q, K); equal probabilities if all are minus infinity.
        boxes: from `boxes_of`, (Q, K, 729).
        calibration: from `calibrated`.
    """
    within, doubts = np.minimum(_within(scores, boxes, calibration.temperature), 1), calibration.doubts(scores)
    mixed: Array = (1 - doubts) * within + doubts * calibration.share
    return mixed


def _within(scores: Array, boxes: NDArray[np.bool_], temperature: float) -> Array:
    """Return the sum of probabilities of the poses that each box contains, (Q, 729)."""
    best = scores.max(axis=1, keepdims=True)
    found = np.isfinite(best)
    weights = np.where(found, np.exp((scores - np.where(found, best, 0)) / temperature), 1.0)
    weights /= weights.sum(axis=1, keepdims=True)
    return np.stack([weight @ inside for weight, inside in zip(weights, boxes, strict=True)])


def negative_log_likelihood(probabilities: Array, correct: NDArray[np.bool_]) -> Array:
    """Return -log P(labels) of each query, taking the labels of boxes as independent; both (Q, 729), result (Q,).

    Its mean is least for the true probabilities of the boxes.
    """
    likelihood = np.where(correct, probabilities, 1 - probabilities)
    losses: Array = -np.log(np.clip(likelihood, TINY, None)).sum(axis=1)
    return losses


def calibrated(scores: Array, boxes: NDArray[np.bool_], correct: NDArray[np.bool_]) -> Calibration:
    """Return the calibration with the least negative log-likelihood of the labels (Q, 729); the first of equal ones."""
    share, best = float(correct.mean()), scores.max(axis=1)
    finite = best[np.isfinite(best)]
    limits = np.unique(np.quantile(finite, LIMITS)) if len(finite) else np.zeros(1)
    trials = []
    for temperature in TEMPERATURES:
        within = np.minimum(_within(scores, boxes, temperature), 1)
        losses = np.stack(
            [negative_log_likelihood((1 - doubt) * within + doubt * share, correct) for doubt in DOUBTS]
        )  # (D, Q)
        for limit in limits:
            parts = [losses[:, chosen].sum(axis=1) for chosen in (best <= limit, best > limit)]
            doubt, good_doubt = (DOUBTS[part.argmin()] for part in parts)
            loss = float(parts[0].min() + parts[1].min())
            trials.append((loss, Calibration(float(temperature), doubt, share, float(limit), good_doubt)))
    return min(trials, key=lambda trial: trial[0])[1]
