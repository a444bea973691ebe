"""Published weights: bundles in the package, with which a method answers without a training.

They must not have been trained on volumes that a board tests. A bundle therefore holds digests of its training volumes: if some
of them are training volumes of the board, all must be.
"""

from __future__ import annotations

import hashlib
from importlib.resources import as_file, files

import numpy as np
from numpy.typing import NDArray

from atombench.engine.contract import Weights
from atombench.engine.weights import load_bundle
from atombench.errors import ConfigError, DataError
from atombench.tasks.atom.geometry import BlockGrid
from atombench.tasks.atom.training import Training

VOLUMES = "trained_on/volumes"  # name of the digests among the weights
FOLDER = files("atombench.tasks.atom") / "weights"


def volume_digests(volumes: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return a digest of each volume (N, E, E, E): the first eight bytes of its SHA-256; (N,)."""
    digests = [hashlib.sha256(np.ascontiguousarray(volume, "<f4").tobytes()).digest()[:8] for volume in volumes]
    return np.frombuffer(b"".join(digests), dtype="<i8").astype(np.int64)


def published(method: str, grid: BlockGrid) -> Weights:
    """Return the published weights of a method for sections of a size.

    Raises:
        ConfigError: there are none for this size.
    """
    wanted = f"{method}-x{grid.scale}" + (f"-c{grid.context}" if grid.context > 1 else "")
    found = {file.name.removesuffix(".safetensors"): file for file in FOLDER.iterdir() if file.name.endswith(".safetensors")}
    if wanted not in found:
        msg = f"no weights of {method} are published for this board ({wanted}); there are: {', '.join(sorted(found))}"
        raise ConfigError(msg)
    with as_file(found[wanted]) as path:
        return load_bundle(path).weights


def check_unseen(weights: Weights, training: Training) -> None:
    """Check that no test volume of a board can have been among the training volumes of published weights.

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
