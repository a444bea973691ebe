"""Named arrays in safetensors files, which cannot contain code; written atomically."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from atombench.errors import DataError
from atombench.io.files import written_whole

Arrays = Mapping[str, NDArray[np.generic]]


def save_tensors(path: Path, arrays: Arrays, metadata: Mapping[str, str] | None = None) -> None:
    """Write arrays and text metadata; the bytes depend on the content only.

    Raises:
        DataError: the file cannot be written.
    """
    whole = {
        name: np.asarray(array, order="C") for name, array in arrays.items()
    }  # ascontiguousarray gives scalars a dimension
    with written_whole(path) as temporary:
        try:
            save_file(whole, temporary, metadata=dict(metadata) if metadata else None)
        except SafetensorError as error:  # raised by the library for a full disk, among others
            msg = f"cannot write {path}: {error}; check free space and permissions"
            raise DataError(msg) from error


def load_tensors(path: Path) -> tuple[dict[str, NDArray[np.generic]], dict[str, str]]:
    """Read arrays and text metadata.

    Raises:
        DataError: the file is missing or damaged.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
            return arrays, dict(file.metadata() or {})
    except OSError as error:
        msg = f"cannot read {path}: {error.strerror or error}"
        raise DataError(msg) from error
    except SafetensorError as error:
        msg = f"{path} is not a valid safetensors file ({error}); delete it and train again"
        raise DataError(msg) from error
