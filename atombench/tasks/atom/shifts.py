"""How far the test volumes of a board are moved in the exchange `shift`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from atombench import streams
from atombench.records.metric import SHIFT
from atombench.tasks.atom.manifest import Manifest
from atombench.tasks.atom.protocol import FIRST

SHIFT_VOXELS = 3  # times the scale: no fine box can be correct before and after


def volume_shifts(manifest: Manifest) -> NDArray[np.int64]:
    """Return by how many voxels each test volume is moved along each axis; (N, 3)."""
    count = len(manifest.volume_rows("test"))
    signs = np.where(streams.uniform(3 * count, FIRST, SHIFT, manifest.digest) < 0.5, -1, 1)
    return (signs * SHIFT_VOXELS * manifest.scale).reshape(count, 3)
