"""Cases: a few test sections of a board that are shown with their volumes and with the answers of every method."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from atombench import streams
from atombench.tasks.atom.labels import Labels
from atombench.tasks.atom.manifest import Manifest
from atombench.tasks.atom.secret import is_secret

CASES = 6


def case_rows(manifest: Manifest, labels: Labels) -> NDArray[np.int64]:
    """Return the rows of the test part that a board shows, ascending; at most `CASES`, none of a secret board.

    They are drawn from the sections with a correct box: one from each volume, more only if there are fewer volumes than cases.

    Args:
        manifest: manifest of the board.
        labels: labels of its test sections.
    """
    if is_secret(manifest.gathering):
        return np.zeros(0, dtype=np.int64)
    volume = manifest.parts["test"].volume
    order = streams.permutation(len(volume), "cases", manifest.digest)
    order = order[labels.boxes.any(axis=1)[order]]
    first = np.sort(np.unique(volume[order], return_index=True)[1])  # first occurrence of each volume
    preferred = np.concatenate([first, np.setdiff1d(np.arange(len(order)), first)])
    return np.sort(order[preferred[:CASES]])
