"""Weights on disk, or why there are none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from atombench.engine.contract import Weights
from atombench.engine.failure import MethodFailure
from atombench.io.tensors import load_tensors, save_tensors

FAILURE = "failure"


def save_weights(path: Path, weights: Weights) -> None:
    """Write weights; the same content gives the same bytes."""
    save_tensors(path, weights)


def save_failure(path: Path, reason: str) -> None:
    """Write why there are no weights, in their place."""
    save_tensors(path, {}, {FAILURE: reason})


def load_weights(path: Path) -> dict[str, NDArray[Any]]:
    """Read weights.

    Raises:
        DataError: the file is missing or damaged.
        MethodFailure: the training failed, so there are none.
    """
    weights, about = load_tensors(path)
    if FAILURE in about:
        raise MethodFailure(about[FAILURE])
    return weights
