"""Published weights: bundles in the package, with which a method answers without a training.

A board must not test the volumes that they were trained on. A bundle therefore holds coarse prints of its training volumes: if
some of them are training volumes of the board, all must be, because the others may be its test volumes. Prints are compared
with a tolerance, because volumes that are made on another machine may differ in their last digits.
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

VOLUMES = "trained_on/volumes"  # name of the prints among the weights
CELLS = 5  # per axis
ALIKE = 1e-3  # largest difference of mean intensities, from 0 to 1, between prints of the same volume
FULL = np.iinfo(np.uint16).max
FOLDER = files("atombench.tasks.atom") / "weights"
CHECKSUMS: Mapping[str, str] = {
    "locus-x1": "c4abe0a8bfcdce9401f9556948d3dd1eaa96a2c89e36452206f21151f4320978",
    "locus-x2": "859ce0996e533b00a351222db74808bc47374e7c99bf269c93ae291f1f7ab013",
    "locus-x2-c2": "ef995219027513bc1f6103a9fb55c05d664b84d1308ab4a634b20a6c0ff7acbf",
}
"""SHA-256 of each bundle. They are stated here so that other weights count as other code."""


def volume_prints(volumes: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Return the mean intensities of 5^3 cells of each volume (N, E, E, E), from 0 to 65535; (N, 125)."""
    size = volumes.shape[1] // CELLS
    cells = volumes.reshape(len(volumes), CELLS, size, CELLS, size, CELLS, size).mean(axis=(2, 4, 6), dtype=np.float64)
    return np.round(cells.reshape(len(volumes), -1).clip(0, 1) * FULL).astype(np.uint16)


def among(prints: NDArray[np.uint16], others: NDArray[np.uint16]) -> NDArray[np.bool_]:
    """Return which of N prints are alike to one of M others; (N,)."""
    every = others.astype(np.int64)
    return np.array([bool((np.abs(every - one).max(axis=1) <= ALIKE * FULL).any()) for one in prints.astype(np.int64)])


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
        DataError: the bundle is missing, damaged, or has no prints of its training volumes.
    """
    bundle = load_bundle(source)
    if VOLUMES not in bundle.weights:
        msg = f"{source} has no prints of its training volumes; train again"
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
    prints = volume_prints(training.volumes[np.unique(training.train.volume)])
    known = among(np.asarray(weights[VOLUMES], np.uint16), prints)
    if known.any() and not known.all():
        msg = (
            f"{np.sum(~known)} of the {len(known)} volumes that the published weights were trained on are not training volumes "
            "of this board; they may be its test volumes; train instead (published: false)"
        )
        raise DataError(msg)
