"""What a board shows of a run section by section: its answers to the cases, and some sections that it placed wrongly."""

from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atombench import streams
from atombench.io.images import as_bytes, as_png
from atombench.records.record import Answer, Failure
from atombench.tasks.atom.cases import case_rows
from atombench.tasks.atom.geometry import BOXES, BlockGrid, plane, square
from atombench.tasks.atom.manifest import Manifest
from atombench.tasks.atom.metrics import Scored, Truth
from atombench.tasks.atom.ranking import first_correct
from atombench.tasks.atom.secret import is_secret
from atombench.tasks.atom.sections import cut
from atombench.volumes.volume_set import VolumeSet

FAILURES = 4
Array = NDArray[np.float64]


def answers(scores: Scored, truth: Truth, manifest: Manifest) -> list[Answer]:
    """What a run answered to the cases of its board; nothing on a secret board."""
    rows = case_rows(manifest, truth.labels)
    boxes = scores.boxes.reshape(-1, BOXES)[rows]
    ranks, _ = first_correct(boxes, truth.labels.boxes[rows])
    centres, normals = scores.predictions.centres, scores.predictions.normals
    return [
        Answer(
            section=int(row),
            rank=int(ranks[place]),
            box=int(boxes[place].argmax()),
            scores=as_bytes(_stretched(boxes[place])),
            centre=None if centres is None else centres[row].tolist(),
            normal=None if normals is None else normals[row].tolist(),
        )
        for place, row in enumerate(rows)
    ]


def failures(scores: Scored, truth: Truth, manifest: Manifest, volumes: VolumeSet) -> list[Failure]:
    """Up to `FAILURES` labelled sections whose best box is wrong, with pictures; nothing on a secret board."""
    boxes, grid = scores.boxes.reshape(-1, BOXES), manifest.grid
    best = boxes.argmax(axis=1)  # of equal scores the first, as ranks have it
    rows = _failed_rows(best, truth, manifest)
    ranks, _ = first_correct(boxes[rows], truth.labels.boxes[rows])
    sections, poses = manifest.parts["test"].take(rows), _answered_poses(scores, truth, best[rows], rows, grid)
    pixels = cut(volumes.volumes, sections.volume, sections.points(grid), grid)
    found = []
    for place, row in enumerate(rows):
        which, true, (centre, normal) = sections.volume[place], truth.centres[row], poses[place]
        found.append(
            Failure(
                section=int(row),
                volume=volumes.ids[which],
                rank=int(ranks[place]),
                box=int(best[row]),
                distance_voxel=min(math.dist(centre, true), sys.float_info.max),
                pixels=as_png(pixels[place]),
                there=as_png(plane_of(volumes.volumes[which], true, truth.normals[row])),
                answered=as_png(plane_of(volumes.volumes[which], centre, normal)),
            )
        )
    return found


def plane_of(volume: NDArray[np.float32], centre: Array, normal: Array) -> NDArray[np.float32]:
    """Intensities of a volume in a plane, by linear interpolation and 0 outside; float32 (E, E), rows follow b, columns a.

    Args:
        volume: (E, E, E).
        centre: (3,) in voxels, shown in row and column E/2.
        normal: (3,), any positive length.
    """
    from scipy import ndimage  # slow to import, and only runs with pictures need it

    edge = len(volume)
    points = centre[:, None] + plane(np.asarray(normal, dtype=np.float64)[None], square(edge))[0]  # (3, E^2)
    found: NDArray[np.float32] = ndimage.map_coordinates(volume, points, order=1, mode="constant")
    return found.reshape(edge, edge)


def _failed_rows(best: NDArray[np.int64], truth: Truth, manifest: Manifest) -> NDArray[np.int64]:
    """Rows of failures, as drawn: all runs of a board have one random order, so what is hard for many comes again."""
    if is_secret(manifest.gathering):
        return np.zeros(0, dtype=np.int64)
    correct = truth.labels.boxes
    wrong = correct.any(axis=1) & ~correct[np.arange(len(best)), best]
    order = streams.permutation(len(best), "failures", manifest.digest)
    return order[wrong[order]][:FAILURES]


def _answered_poses(
    scores: Scored, truth: Truth, best: NDArray[np.int64], rows: NDArray[np.int64], grid: BlockGrid
) -> list[tuple[Array, Array]]:
    """Centre and normal of some answers: as given, or the middle of the best box and the true normal."""
    centres, normals = scores.predictions.centres, scores.predictions.normals
    if centres is None or normals is None:
        middles = grid.box_starts[best] + (grid.fine_edge - 1) / 2
        return list(zip(middles, truth.normals[rows], strict=True))
    return list(zip(centres[rows], normals[rows], strict=True))


def _stretched(scores: NDArray[Any]) -> Array:
    """Scores (K,) from 0 for the lowest to 1 for the highest; 0 where all are equal."""
    above = scores.astype(np.float64) - float(scores.min())
    return above / (above.max() or 1.0)
