"""Control `oracle-coarse`: told the correct coarse blocks, it knows nothing of the boxes inside.

It shows how much of a score is worth having found the block. It is the only method to which labels of test sections are handed,
by a door of its own (`predict_knowing`) that the contract does not have.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from atombench import streams
from atombench.engine import contract
from atombench.errors import DataError
from atombench.tasks.atom.geometry import BLOCKS, BOXES
from atombench.tasks.atom.labels import Labels
from atombench.tasks.atom.queries import Queries


class OracleCoarse:
    """Correct blocks before all others, uniform random order within."""

    Options = contract.Options
    smoke: ClassVar[dict[str, Any]] = {}

    def __init__(self, options: contract.Options) -> None:
        self.options = options

    def fit(self, training: contract.Training, resources: contract.Resources) -> contract.Weights:
        """Nothing is learned."""
        return {}

    def predict(self, weights: contract.Weights, queries: Queries, resources: contract.Resources) -> contract.Predictions:
        """Refuse: without labels there is no oracle.

        Raises:
            DataError: always.
        """
        raise DataError("oracle-coarse needs the labels; only the platform's own predict step hands them to it")

    def predict_knowing(self, labels: Labels, resources: contract.Resources) -> contract.Predictions:
        """Scores in [1/2, 1) for boxes and blocks that are correct or lie in a correct block, below 1/2 for others."""
        sections = len(labels.coarse)
        drawn = streams.uniform(sections * (BOXES + BLOCKS), "oracle coarse", resources.seed) / 2
        boxes, coarse = np.split(drawn.reshape(sections, -1), [BOXES], axis=1)
        told = labels.coarse / 2
        return contract.Predictions(
            boxes=(boxes + np.repeat(told, BLOCKS, axis=1)).astype(np.float32),
            coarse=(coarse + told).astype(np.float32),
            fine=boxes.astype(np.float32),
            about={"parameters": 0},
        )
