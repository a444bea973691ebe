"""Schedule of a training: steps, learning rate and validations."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Precision = Literal["auto", "float32", "bfloat16"]
Optimizer = Literal["adamw", "muon"]


@dataclass(frozen=True)
class Schedule:
    """Schedule and numerical settings of a training.

    Attributes:
        steps: optimiser steps.
        learning_rate: peak value; the rate rises linearly over the first tenth of the steps, then falls to zero along a cosine.
        weight_decay: decoupled weight decay of weight matrices.
        optimizer: optimiser of weight matrices; see optimizers.py.
        validations: number of validations, evenly spaced.
        patience: number of validations without improvement after which the training stops; 0 for never.
        precision: precision of the forward pass; see device.py.
        deterministic: whether to use deterministic operations only.
        compile: whether to compile the loss with torch.compile.
    """

    steps: int
    learning_rate: float
    weight_decay: float
    validations: int
    optimizer: Optimizer = "adamw"
    patience: int = 0
    precision: Precision = "auto"
    deterministic: bool = True
    compile: bool = False

    @property
    def marks(self) -> frozenset[int]:
        """Steps followed by a validation, including the last step."""
        return frozenset(round(self.steps * (k + 1) / self.validations) for k in range(self.validations))

    def rate(self, step: int) -> float:
        """Return the learning rate of a step, counted from 1."""
        return self.learning_rate * relative_rate(step - 1, self.steps)


def relative_rate(done: int, steps: int) -> float:
    """Return the learning rate relative to its peak after `done` of `steps` steps: a linear rise, then half a cosine."""
    rise = max(1, steps // 10)
    if done < rise:
        return (done + 1) / rise
    return 0.5 * (1 + math.cos(math.pi * (done - rise + 1) / (steps - rise + 1)))
