"""Weights on disk: safetensors, which cannot hold code."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from atombench.errors import DataError
from atombench.files import written_whole
from atombench.methods.contract import Weights
from atombench.methods.failure import MethodFailure

FAILURE = "failure"


def save_weights(path: Path, weights: Weights) -> None:
    """Write weights; the same content gives the same bytes."""
    with written_whole(path) as temporary:
        save_file({name: np.ascontiguousarray(array) for name, array in weights.items()}, temporary)


def save_failure(path: Path, reason: str) -> None:
    """Write why there are no weights, in their place."""
    with written_whole(path) as temporary:
        save_file({}, temporary, metadata={FAILURE: reason})


def load_weights(path: Path) -> dict[str, NDArray[np.generic]]:
    """Read weights.

    Raises:
        DataError: the file is missing or damaged.
        MethodFailure: the training failed, so there are none.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            if reason := (file.metadata() or {}).get(FAILURE):
                raise MethodFailure(reason)
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is not a mapping)
    except OSError as error:
        msg = f"cannot read {path}: {error.strerror or error}"
        raise DataError(msg) from error
    except SafetensorError as error:
        msg = f"{path} is not a valid safetensors file ({error}); delete it and train again"
        raise DataError(msg) from error
