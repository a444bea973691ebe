"""Ranks of correct answers among scores; by the protocol's tie rule, equal scores are ranked by index."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def first_correct(scores: NDArray[np.floating], correct: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return rank and index of the best-ranked correct answer in each row.

    Args:
        scores: (M, K), higher is better.
        correct: bool (M, K).

    Returns:
        Ranks (M,), from 1 for the best score, and indices (M,); K + 1 and -1 in rows without a correct answer.
    """
    masked = np.where(correct, scores, -np.inf)
    index = masked.argmax(axis=1)  # the first of equal scores
    best = np.take_along_axis(scores, index[:, None], axis=1)
    earlier = np.arange(scores.shape[1]) < index[:, None]
    ahead = (scores > best) | ((scores == best) & earlier)
    answerable = correct.any(axis=1)
    return np.where(answerable, 1 + ahead.sum(axis=1), scores.shape[1] + 1), np.where(answerable, index, -1)
