"""Control `constant`: the greedy best boxes on the training labels. It sees no pixel of any section or volume.

A score above that of this control must have been learned from images; a lower score can be reached by knowing the usual
positions of sections. Boxes are ranked greedily: each next box is correct for most of the training sections for which no
earlier box is correct. The published protocol opens coarse blocks first, so blocks are ranked separately, and so are the boxes
within each block.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from atombench.engine import contract
from atombench.tasks.atom.geometry import BLOCKS, BOXES
from atombench.tasks.atom.queries import Queries
from atombench.tasks.atom.training import Training


def greedy_order(labels: NDArray[np.bool_], weights: NDArray[np.int64]) -> NDArray[np.int64]:
    """Order columns so that each next column is correct for most of the rows not covered by earlier columns.

    When every row is covered, counting restarts with all rows. Ties are resolved by the lower index.

    Args:
        labels: bool (U, K), the correct ones of K answers for each distinct row.
        weights: (U,), number of occurrences of each row.

    Returns:
        Column indices (K,).
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
                order.extend(int(column) for column in np.flatnonzero(free))
                break
            open_weights = weights.astype(np.float64)
            continue
        order.append(best)
        free[best] = False
        open_weights = np.where(labels[:, best], 0.0, open_weights)
    return np.array(order)


def distinct(labels: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Return the distinct rows and the number of occurrences of each."""
    packed = np.ascontiguousarray(np.packbits(labels, axis=1))
    keys, counts = np.unique(packed.view(np.dtype((np.void, packed.shape[1]))).ravel(), return_counts=True)
    rows = keys.view(np.uint8).reshape(len(keys), -1)
    return np.unpackbits(rows, axis=1, count=labels.shape[1]).astype(bool), counts


def scores_of(order: NDArray[np.int64]) -> NDArray[np.float32]:
    """Convert an order to scores, from 1 for the first answer down to 1/K for the last."""
    scores = np.empty(len(order), dtype=np.float32)
    scores[order] = np.arange(len(order), 0, -1, dtype=np.float32) / len(order)
    return scores


class Constant:
    """The same greedy ranking for every query."""

    Options = contract.Options
    smoke: ClassVar[dict[str, Any]] = {}

    def __init__(self, options: contract.Options) -> None:
        self.options = options

    def fit(self, training: Training, resources: contract.Resources) -> contract.Weights:
        """Rank coarse blocks, all 729 boxes, and the boxes within each block on the training labels."""
        boxes, counts = distinct(training.train.labels(training.grid).boxes)
        inner = [boxes[:, first : first + BLOCKS] for first in range(0, BOXES, BLOCKS)]  # 27 tables (U, 27)
        blocks = np.stack([part.any(axis=1) for part in inner], axis=1)  # (U, 27)
        return {
            "coarse": scores_of(greedy_order(blocks, counts)),
            "fine": np.concatenate([scores_of(greedy_order(part, counts)) for part in inner]),
            "boxes": scores_of(greedy_order(boxes, counts)),
        }

    def predict(self, weights: contract.Weights, queries: Queries, resources: contract.Resources) -> contract.Answers:
        """Return the same ranking for every query."""

        def repeated(name: str) -> NDArray[np.float32]:
            return np.broadcast_to(weights[name].astype(np.float32), (len(queries), weights[name].size))

        parameters = sum(array.size for array in weights.values())
        return contract.Answers(
            boxes=repeated("boxes"), coarse=repeated("coarse"), fine=repeated("fine"), about={"parameters": parameters}
        )
