"""Ranks of correct answers among scores, with the protocol's tie rule: equal scores rank by index."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def first_correct(scores: NDArray[np.floating], correct: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rank and index of the best-ranked correct answer of each row.

    Args:
        scores: (M, K), higher is better.
        correct: (M, K).

    Returns:
        Ranks (M,), 1 for the best of all and K + 1 where nothing is correct, and indices (M,), -1 there.
    """
    masked = np.where(correct, scores, -np.inf)
    index = masked.argmax(axis=1)  # of equal scores the first
    best = np.take_along_axis(scores, index[:, None], axis=1)
    earlier = np.arange(scores.shape[1]) < index[:, None]
    ahead = (scores > best) | ((scores == best) & earlier)
    some = correct.any(axis=1)
    return np.where(some, 1 + ahead.sum(axis=1), scores.shape[1] + 1), np.where(some, index, -1)
