"""The best recall that answers from the pixels alone can have: equal sections of one volume get equal answers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from atombench.tasks.atom.manifest import Manifest
from atombench.tasks.atom.sections import cut
from atombench.volumes.volume_set import BACKGROUND, VolumeSet

CHUNK = 16384  # sections whose labels are summed together


def ceiling(volumes: VolumeSet, manifest: Manifest, part: str, empty_only: bool = False) -> float | None:
    """Return the highest fine recall@1 of the strict protocol for answers that depend only on volume and pixels.

    Sections of one volume with equal pixels cannot be told apart, so one box is the best answer to all of them; the bound
    uses the labels to choose that box. A method with a higher score must use information that is not in the images.

    Args:
        volumes: volumes of the manifest.
        manifest: manifest of a board.
        part: train, val or test.
        empty_only: whether to consider only sections that show background; what tells these apart is resampling ripple.

    Returns:
        The bound; None if no section is labelled (and, with `empty_only`, empty).
    """
    sections, grid = manifest.parts[part], manifest.grid
    boxes = sections.labels(grid).boxes
    rows = np.flatnonzero(boxes.any(axis=1))
    labelled = sections.take(rows)
    pixels = cut(volumes.volumes, labelled.volume, labelled.points(grid), grid).reshape(len(rows), -1)
    counted = (pixels < BACKGROUND).all(axis=1) if empty_only else np.ones(len(rows), dtype=np.bool_)
    if not counted.any():
        return None
    group = _groups(labelled.volume[counted], pixels[counted] + 0.0)  # -0.0 and 0.0 are equal pixels
    alone = np.bincount(group)[group] == 1
    return float((alone.sum() + _best_of_equal(boxes[rows[counted][~alone]], group[~alone])) / counted.sum())


def _groups(volume: NDArray[np.int32], pixels: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return the number of the group of equal volume and pixels of each section."""
    content = np.concatenate([volume.astype(np.float32)[:, None], pixels], axis=1)
    whole = np.ascontiguousarray(content).view(np.dtype((np.void, content.dtype.itemsize * content.shape[1]))).ravel()
    return np.asarray(np.unique(whole, return_inverse=True)[1], dtype=np.int64)


def _best_of_equal(boxes: NDArray[np.bool_], group: NDArray[np.int64]) -> int:
    """Return how many sections the best box of each group answers, summed over groups."""
    order = np.argsort(group, kind="stable")
    ends = np.flatnonzero(np.diff(group[order], append=-1)) + 1
    total = 0
    for first, last in zip([0, *ends[:-1]], ends, strict=False):
        counts = sum(boxes[order[begin : min(begin + CHUNK, last)]].sum(axis=0) for begin in range(first, last, CHUNK))
        total += int(np.max(counts))
    return total
