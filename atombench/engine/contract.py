"""The contract between the platform and a method.

A method learns from the training data of a task (training and validation queries with labels) and answers its test queries.
It never sees test labels and is independent of metrics; metrics are independent of methods.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from atombench.engine.answers import Answers
from atombench.engine.training.checkpoint import Checkpoint

__all__ = ["Answers", "Method", "OptionValues", "Options", "Resources", "Weights"]

Weights = Mapping[str, NDArray[np.generic]]
OptionValues = Mapping[str, Any]
"""Options of a method by name, as a configuration states them."""


class Options(BaseModel):
    """Base class for the options of a method; each method adds fields with defaults."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True)
class Resources:
    """Resources that a method may use.

    Attributes:
        seed: number of the repetition; it keys all random numbers.
        device: torch device.
        threads: processor threads.
        curve: file for the training curve (JSON lines), if the method trains.
        pretrained: files of pretrained weights by name, which a submitted method brings; safetensors.
        checkpoint: stores the state of the training, so that it can be resumed after a kill.
    """

    seed: int
    device: str = "cpu"
    threads: int = 1
    curve: Path | None = None
    pretrained: Mapping[str, Path] = field(default_factory=dict)
    checkpoint: Checkpoint | None = None


class Method(Protocol):
    """A method, built from its options.

    The task defines the types of training data and queries. `smoke` holds options with which the method trains and predicts
    within seconds; tests use them.
    """

    Options: ClassVar[type[Options]]
    smoke: ClassVar[Mapping[str, Any]]
    options: BaseModel

    def __init__(self, options: Any) -> None: ...

    def fit(self, training: Any, resources: Resources) -> Weights:
        """Train and return the learned parameters as named arrays (empty if there are none)."""

    def predict(self, weights: Weights, queries: Any, resources: Resources) -> Answers:
        """Return answers to the queries, in their order."""
