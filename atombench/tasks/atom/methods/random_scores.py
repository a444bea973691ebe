"""Control `random`: uniform scores, independent of everything. Its expectation is the true chance level."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from atombench import streams
from atombench.engine import contract
from atombench.tasks.atom.geometry import BOXES
from atombench.tasks.atom.queries import Queries


class RandomScores:
    """Uniform scores on [0, 1), drawn from a stream keyed by the seed."""

    Options = contract.Options
    smoke: ClassVar[dict[str, Any]] = {}

    def __init__(self, options: contract.Options) -> None:
        self.options = options

    def fit(self, training: contract.Training, resources: contract.Resources) -> contract.Weights:
        """Nothing is learned."""
        return {}

    def predict(self, weights: contract.Weights, queries: Queries, resources: contract.Resources) -> contract.Predictions:
        """Draw scores; sums over a block's 27 boxes rank blocks uniformly too, so nothing else is needed."""
        key = ("random scores", resources.seed)
        scores = streams.uniform(len(queries) * BOXES, *key).astype(np.float32)
        return contract.Predictions(boxes=scores.reshape(-1, BOXES), about={"parameters": 0})
