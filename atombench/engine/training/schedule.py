"""How long to train, at which rate, and when to look."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Precision = Literal["auto", "float32", "bfloat16"]


@dataclass(frozen=True)
class Schedule:
    """How long and how to train.

    Attributes:
        steps: optimiser steps.
        batch_volumes: volumes of a batch.
        batch_sections: sections of each of them.
        learning_rate: peak; it rises over the first tenth of the steps and falls to zero along a cosine.
        weight_decay: decoupled, on weight matrices only.
        validations: how often the validation score is taken, evenly spread.
        val_sections: validation sections looked at, a fixed keyed choice.
        patience: validations without a better score after which the training stops; 0 for never.
        precision: of the forward pass; see `training/device.py`.
        deterministic: whether only deterministic operations are used.
        compile: whether the loss goes through torch.compile.
    """

    steps: int
    batch_volumes: int
    batch_sections: int
    learning_rate: float
    weight_decay: float
    validations: int
    val_sections: int
    patience: int = 0
    precision: Precision = "auto"
    deterministic: bool = True
    compile: bool = False

    @property
    def marks(self) -> frozenset[int]:
        """Steps after which the validation score is taken; the last step is one of them."""
        return frozenset(round(self.steps * (k + 1) / self.validations) for k in range(self.validations))

    def rate(self, step: int) -> float:
        """Learning rate of a step, counted from 1."""
        return self.learning_rate * relative_rate(step - 1, self.steps)


def relative_rate(done: int, steps: int) -> float:
    """Learning rate over its peak after `done` of `steps` steps: a linear rise over a tenth, then half a cosine."""
    rise = max(1, steps // 10)
    if done < rise:
        return (done + 1) / rise
    return 0.5 * (1 + math.cos(math.pi * (done - rise + 1) / (steps - rise + 1)))
