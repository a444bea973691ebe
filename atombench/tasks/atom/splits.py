"""Split rules: the volumes that each part of a manifest is cut from, and the number of sections.

`none` and `pos` keep the official splits of the volumes; `vol` cuts all parts from the training volumes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from atombench.errors import DataError
from atombench.records.board import Board
from atombench.tasks.atom.board import AtomBoard
from atombench.tasks.atom.sampling import Sampler, sampler
from atombench.tasks.atom.secret import public_gathering
from atombench.volumes.volume_set import SPLITS


def volumes_of_parts(dataset: str, splits: Sequence[str], split: str) -> dict[str, NDArray[np.int64]]:
    """Return the rows of the volumes that each part is cut from.

    Args:
        dataset: name of the dataset, for messages.
        splits: official split of each volume.
        split: split rule.

    Raises:
        DataError: a part has no volume, and not all volumes are for testing.
    """
    official = np.array(splits, dtype=np.str_)
    rows = {part: np.flatnonzero(official == ("train" if split == "vol" else part)) for part in SPLITS}
    test_only = split == "none" and len(rows["test"]) == len(splits)
    if not test_only and (empty := [part for part in SPLITS if not len(rows[part])]):
        msg = f"{dataset}: expected volumes for every part, got {len(splits)} volumes but none for {' and '.join(empty)}"
        raise DataError(msg)
    return rows


def section_counts(dataset: str, splits: Sequence[str], split: str, sampler: Sampler) -> dict[str, int]:
    """Return the number of sections in each part, without drawing them.

    Raises:
        DataError: a part has no volume.
    """
    rows = volumes_of_parts(dataset, splits, split)
    return {part: len(rows[part]) * sampler.counts[part] for part in SPLITS}


def count(board: Board, splits: Sequence[str], settings: Mapping[str, str]) -> dict[str, int] | None:
    """Return the number of sections in each part of a board, without drawing them; for `tissue` it depends on voxels: None.

    Raises:
        DataError: a part has no volume.
    """
    parts = AtomBoard.of(board)
    if public_gathering(parts.gathering) == "tissue":
        return None
    draws = sampler(parts.gathering, parts.split, board.dataset, parts.grid, settings.get("variant", "medmnist"))
    return section_counts(board.dataset, splits, parts.split, draws)
