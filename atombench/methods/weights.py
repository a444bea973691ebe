"""Weights on disk: safetensors, which cannot hold code."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from atombench.errors import DataError
from atombench.files import written_whole
from atombench.methods.contract import Weights


def save_weights(path: Path, weights: Weights) -> None:
    """Write weights; the same content gives the same bytes."""
    with written_whole(path) as temporary:
        save_file({name: np.ascontiguousarray(array) for name, array in weights.items()}, temporary)


def load_weights(path: Path) -> dict[str, NDArray[np.generic]]:
    """Read weights.

    Raises:
        DataError: the file is missing or damaged.
    """
    try:
        return dict(load_file(path))
    except OSError as error:
        msg = f"cannot read {path}: {error.strerror or error}"
        raise DataError(msg) from error
    except SafetensorError as error:
        msg = f"{path} is not a valid safetensors file ({error}); delete it and train again"
        raise DataError(msg) from error
