"""Scores of boxes from the best poses: the probability that a box contains the section, calibrated on validation sections."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from atombench.tasks.atom.geometry import BOXES, BlockGrid, plane

Array = NDArray[np.float64]
FLOOR = 1e-3  # probability that the section is in none of the poses; it is shared by all boxes
TEMPERATURES = np.geomspace(1e-5, 1e3, 129)


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


def posterior(scores: Array, boxes: NDArray[np.bool_], temperature: float) -> Array:
    """Return the probability that each box is correct, float64 (Q, 729).

    Poses have probabilities proportional to exp(score / temperature). The probability of a box is the sum over the poses that
    it contains. As a section may be in several boxes, probabilities of boxes may add up to more than 1.

    Args:
        scores: similarity of the poses, (Q, K); equal probabilities if all are minus infinity.
        boxes: from `boxes_of`.
        temperature: difference of scores that makes a pose less likely by a factor of e.
    """
    best = scores.max(axis=1, keepdims=True)
    weights = np.exp((scores - np.where(np.isfinite(best), best, 0)) / temperature)
    weights = np.where(np.isfinite(best), weights, 1.0)
    weights /= weights.sum(axis=1, keepdims=True)
    found: Array = np.einsum("qk,qkb->qb", weights, boxes)
    return (1 - FLOOR) * np.minimum(found, 1) + FLOOR / BOXES


def negative_log_likelihood(probabilities: Array, correct: NDArray[np.bool_]) -> float:
    """Return the mean over queries of -log P(labels), with the labels of boxes independent given the probabilities.

    As a proper score it is least for the true probabilities.
    """
    likelihood = np.where(correct, probabilities, 1 - probabilities)
    return float(-np.log(likelihood).sum(axis=1).mean())


def calibrated_temperature(scores: Array, boxes: NDArray[np.bool_], correct: NDArray[np.bool_]) -> float:
    """Return the temperature with the least negative log-likelihood of the labels (Q, 729); the lowest of equal ones."""
    losses = [negative_log_likelihood(posterior(scores, boxes, temperature), correct) for temperature in TEMPERATURES]
    return float(TEMPERATURES[int(np.argmin(losses))])
