"""Published weights: bundles in the package, with which a method answers without a training.

A board must not test the volumes that they were trained on. A bundle therefore holds digests of its training volumes: if some
of them are training volumes of the board, all must be, because the others may be its test volumes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from atombench.engine.contract import Weights
from atombench.engine.weights import load_bundle, save_bundle
from atombench.errors import ConfigError, DataError
from atombench.tasks.atom.geometry import BlockGrid
from atombench.tasks.atom.training import Training

VOLUMES = "trained_on/volumes"  # name of the digests among the weights
FOLDER = files("atombench.tasks.atom") / "weights"
CHECKSUMS: Mapping[str, str] = {}
"""SHA-256 of each bundle. They are stated here so that other weights count as other code."""


def volume_digests(volumes: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return a digest of each volume (N, E, E, E): the first eight bytes of its SHA-256; (N,)."""
    digests = [hashlib.sha256(np.ascontiguousarray(volume, "<f4").tobytes()).digest()[:8] for volume in volumes]
    return np.frombuffer(b"".join(digests), dtype="<i8").astype(np.int64)


def published(method: str, grid: BlockGrid) -> Weights:
    """Return the published weights of a method for sections of a size.

    Raises:
        ConfigError: there are none for this size.
        DataError: the file is missing, damaged, or another one.
    """
    name = f"{method}-x{grid.scale}" + (f"-c{grid.context}" if grid.context > 1 else "")
    if name not in CHECKSUMS:
        msg = (
            f"no weights of {method} are published for this board ({name}); there are: {', '.join(sorted(CHECKSUMS)) or 'none'}"
        )
        raise ConfigError(msg)
    with as_file(FOLDER / f"{name}.safetensors") as path:
        bundle = load_bundle(path)
        if hashlib.sha256(path.read_bytes()).hexdigest() != CHECKSUMS[name]:
            msg = f"{path.name} is not the published file; install the package again"
            raise DataError(msg)
    return {name: array.astype(np.float32) if array.dtype == np.float16 else array for name, array in bundle.weights.items()}


def publish(source: Path, out: Path) -> str:
    """Write the bundle of a training in half precision, as it is published; return the SHA-256 of the new file.

    Raises:
        DataError: the bundle is missing, damaged, or has no digests of its training volumes.
    """
    bundle = load_bundle(source)
    if VOLUMES not in bundle.weights:
        msg = f"{source} has no digests of its training volumes; train again"
        raise DataError(msg)
    halves = {name: _half(array) for name, array in bundle.weights.items()}
    save_bundle(out, halves, bundle.origin)
    return hashlib.sha256(out.read_bytes()).hexdigest()


def _half(array: NDArray[np.generic]) -> NDArray[np.generic]:
    return array.astype(np.float16) if array.dtype == np.float32 else array


def check_unseen(weights: Weights, training: Training) -> None:
    """Check that a board does not split the training volumes of published weights between training and test.

    If none of them is a training volume of the board, it is taken to hold other volumes.

    Raises:
        DataError: some but not all training volumes of the weights are training volumes of the board.
    """
    seen = set(np.asarray(weights[VOLUMES]).tolist())
    own = set(volume_digests(training.volumes[np.unique(training.train.volume)]).tolist())
    if seen & own and not seen <= own:
        msg = (
            f"{len(seen - own)} of the {len(seen)} volumes that the published weights were trained on are not training volumes "
            "of this board; they may be its test volumes; train instead (published: false)"
        )
        raise DataError(msg)
