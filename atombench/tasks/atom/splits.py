"""Split rules: which volumes each part of a manifest takes sections from, and how many sections that makes.

`none` and `pos` keep the official splits of the volumes; `vol` cuts all parts from the training volumes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from atombench.errors import DataError
from atombench.tasks.atom.sampling import Sampler
from atombench.volumes.volume_set import SPLITS


def volumes_of_parts(dataset: str, splits: Sequence[str], split: str) -> dict[str, NDArray[np.int64]]:
    """Rows of the volumes that each part is cut from.

    Args:
        dataset: named in messages.
        splits: official split of each volume.
        split: the split rule.

    Raises:
        DataError: a part has no volume.
    """
    official = np.array(splits, dtype=np.str_)
    rows = {part: np.flatnonzero(official == ("train" if split == "vol" else part)) for part in SPLITS}
    if empty := [part for part in SPLITS if not len(rows[part])]:
        msg = f"{dataset}: {len(splits)} volumes, but none for {' and '.join(empty)}; each part needs some"
        raise DataError(msg)
    return rows


def section_counts(dataset: str, splits: Sequence[str], split: str, sampler: Sampler) -> dict[str, int]:
    """Number of sections in each part, without drawing them.

    Raises:
        DataError: a part has no volume.
    """
    rows = volumes_of_parts(dataset, splits, split)
    return {part: len(rows[part]) * sampler.counts[part] for part in SPLITS}
