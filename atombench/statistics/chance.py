"""Theoretical chance levels: expectations for uniform random scores, given m correct answers out of K."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def chance_hit(correct: NDArray[np.integer], answers: int, k: int) -> Array:
    """Return the probability that k answers drawn without replacement include a correct one: 1 - C(K - m, k) / C(K, k).

    Args:
        correct: m of each query, any shape.
        answers: K.
        k: number of answers drawn.
    """
    draws = np.arange(k)
    missed = np.clip(answers - np.asarray(correct)[..., None] - draws, 0, None) / (answers - draws)
    return np.asarray(1 - missed.prod(axis=-1))


def chance_reciprocal_rank(correct: NDArray[np.integer], answers: int) -> Array:
    """Return the expected reciprocal rank of the first correct answer in a random order; 0 if none is correct.

    P(rank > r) is the probability that r draws miss, so E(1 / rank) = sum_r (P(rank > r - 1) - P(rank > r)) / r.
    """
    table = np.zeros(int(np.max(correct, initial=0)) + 1)
    for m in range(1, len(table)):
        draws = np.arange(answers)
        missed = np.cumprod(np.clip(answers - m - draws, 0, None) / (answers - draws))  # P(rank > r), r = 1 .. K
        table[m] = (-np.diff(missed, prepend=1.0) / np.arange(1, answers + 1)).sum()
    return np.asarray(table[correct])
