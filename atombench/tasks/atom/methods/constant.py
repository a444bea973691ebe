"""Control `constant`: the greedy best boxes on the training labels. It sees no pixel of any section or volume.

Whatever a method scores above this, it has learned from images; whatever it does not, it may have learned from where sections
are usually cut. Ranks are greedy: each next box is the one that is correct for most training sections for which no earlier
one was. The published protocol opens coarse blocks first, so those are ranked by themselves, and the boxes within each of
them likewise.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from atombench.engine import contract
from atombench.tasks.atom.geometry import BLOCKS, BOXES
from atombench.tasks.atom.queries import Queries


def greedy_order(labels: NDArray[np.bool_], weights: NDArray[np.int64]) -> NDArray[np.int64]:
    """Order columns so that each next one is right for most of the rows that no earlier one was right for.

    When every row is covered, counting starts anew with all rows. Ties go to the lower index.

    Args:
        labels: (U, K), which of K answers is right for each distinct row.
        weights: (U,), how often each row occurs.
    """
    order: list[int] = []
    free = np.ones(labels.shape[1], dtype=bool)
    open_weights = weights.astype(np.float64)
    table = labels.astype(np.float64)
    while free.any():
        gains = np.where(free, open_weights @ table, -1.0)
        best = int(gains.argmax())
        if gains[best] <= 0:
            if (open_weights == weights).all():
                order.extend(int(left) for left in np.flatnonzero(free))
                break
            open_weights = weights.astype(np.float64)
            continue
        order.append(best)
        free[best] = False
        open_weights = np.where(labels[:, best], 0.0, open_weights)
    return np.array(order)


def distinct(labels: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Distinct rows and how often each occurs."""
    packed = np.ascontiguousarray(np.packbits(labels, axis=1))
    keys, counts = np.unique(packed.view(np.dtype((np.void, packed.shape[1]))).ravel(), return_counts=True)
    rows = keys.view(np.uint8).reshape(len(keys), -1)
    return np.unpackbits(rows, axis=1, count=labels.shape[1]).astype(bool), counts


def scores_of(order: NDArray[np.int64]) -> NDArray[np.float32]:
    """Turn an order into scores: 1 for the first down to 1/K for the last."""
    scores = np.empty(len(order), dtype=np.float32)
    scores[order] = np.arange(len(order), 0, -1, dtype=np.float32) / len(order)
    return scores


class Constant:
    """The same greedy ranking for every query."""

    Options = contract.Options
    smoke: ClassVar[dict[str, Any]] = {}

    def __init__(self, options: contract.Options) -> None:
        self.options = options

    def fit(self, training: contract.Training, resources: contract.Resources) -> contract.Weights:
        """Rank coarse blocks, all 729 boxes, and the boxes within each block on the training labels."""
        boxes, counts = distinct(training.train.labels(training.grid).boxes)
        inner = [boxes[:, first : first + BLOCKS] for first in range(0, BOXES, BLOCKS)]  # 27 tables (U, 27)
        blocks = np.stack([part.any(axis=1) for part in inner], axis=1)  # (U, 27)
        return {
            "coarse": scores_of(greedy_order(blocks, counts)),
            "fine": np.concatenate([scores_of(greedy_order(part, counts)) for part in inner]),
            "boxes": scores_of(greedy_order(boxes, counts)),
        }

    def predict(self, weights: contract.Weights, queries: Queries, resources: contract.Resources) -> contract.Predictions:
        """Repeat the ranking for every query."""

        def repeated(name: str) -> NDArray[np.float32]:
            return np.broadcast_to(weights[name].astype(np.float32), (len(queries), weights[name].size))

        parameters = sum(array.size for array in weights.values())
        return contract.Predictions(
            boxes=repeated("boxes"), coarse=repeated("coarse"), fine=repeated("fine"), about={"parameters": parameters}
        )
