"""Control `random`: uniform scores, independent of the input. Its expected score is the true chance level."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from atombench import streams
from atombench.engine import contract
from atombench.tasks.atom.geometry import BOXES
from atombench.tasks.atom.queries import Queries
from atombench.tasks.atom.training import Training


class RandomScores:
    """Uniform random scores on [0, 1), from a stream keyed by the seed."""

    Options = contract.Options
    smoke: ClassVar[dict[str, Any]] = {}

    def __init__(self, options: contract.Options) -> None:
        self.options = options

    def fit(self, training: Training, resources: contract.Resources) -> contract.Weights:
        """Return no weights; the control learns nothing."""
        return {}

    def predict(self, weights: contract.Weights, queries: Queries, resources: contract.Resources) -> contract.Answers:
        """Draw scores of boxes; their sums over the 27 boxes of each block rank blocks uniformly, too."""
        key = ("random scores", resources.seed)
        scores = streams.uniform(len(queries) * BOXES, *key).astype(np.float32)
        return contract.Answers(boxes=scores.reshape(-1, BOXES), about={"parameters": 0})
