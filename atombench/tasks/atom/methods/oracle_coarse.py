"""Control `oracle-coarse`: knows the correct coarse blocks, but nothing about the boxes inside.

It measures the score of finding the correct block alone. It is the only method that receives labels of test sections, through
a separate method (`predict_knowing`) that is not part of the contract.
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
from atombench.tasks.atom.training import Training


class OracleCoarse:
    """Rank boxes of correct blocks first, in uniform random order."""

    Options = contract.Options
    smoke: ClassVar[dict[str, Any]] = {}

    def __init__(self, options: contract.Options) -> None:
        self.options = options

    def fit(self, training: Training, resources: contract.Resources) -> contract.Weights:
        """Return no weights; the control learns nothing."""
        return {}

    def predict(self, weights: contract.Weights, queries: Queries, resources: contract.Resources) -> contract.Answers:
        """Raise an error, because the oracle needs labels.

        Raises:
            DataError: always.
        """
        raise DataError("oracle-coarse needs the labels; only the predict step of this package can pass them")

    def predict_knowing(self, labels: Labels, resources: contract.Resources) -> contract.Answers:
        """Return scores in [1/2, 1) for correct blocks and all their boxes, and in [0, 1/2) for all others."""
        sections = len(labels.coarse)
        drawn = streams.uniform(sections * (BOXES + BLOCKS), "oracle coarse", resources.seed) / 2
        boxes, coarse = np.split(drawn.reshape(sections, -1), [BOXES], axis=1)
        bonus = labels.coarse / 2
        return contract.Answers(
            boxes=(boxes + np.repeat(bonus, BLOCKS, axis=1)).astype(np.float32),
            coarse=(coarse + bonus).astype(np.float32),
            fine=boxes.astype(np.float32),
            about={"parameters": 0},
        )
