"""Details of a run for its pages: calibration, errors, answers to cases, and wrongly located sections."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from atombench import streams
from atombench.engine.answers import Answers
from atombench.io.images import as_bytes, as_png
from atombench.records.board import CLEAN
from atombench.records.metric import STRICT
from atombench.records.record import ReliabilityBin
from atombench.statistics.values import Values
from atombench.tasks.atom.cases import case_rows
from atombench.tasks.atom.geometry import BOXES, BlockGrid, plane, square
from atombench.tasks.atom.manifest import Manifest
from atombench.tasks.atom.metrics import Scored, Truth, reliability, scored
from atombench.tasks.atom.poses import PoseErrors
from atombench.tasks.atom.protocol import PRIMARY
from atombench.tasks.atom.queries import cut_from, damage_of
from atombench.tasks.atom.ranking import first_correct
from atombench.tasks.atom.secret import is_secret
from atombench.tasks.atom.shown import Answer, Failure, Shown
from atombench.tasks.task import Details
from atombench.volumes.curated import Curated

FAILURES = 4
Array = NDArray[np.float64]


def details(
    answers: Answers,
    truth: Truth,
    data: Curated,
    manifest: Manifest,
    values: Sequence[Values],
    pictures: bool,
    condition: str = CLEAN,
) -> Details:
    """Return calibration, error percentiles, answers to the board's cases, and (if pictures may be shown) failures.

    Args:
        answers: answers in the order of the manifest's test part.
        truth: poses and labels.
        data: volumes that the manifest was drawn for.
        manifest: manifest of the board.
        values: values of all metrics, from `score`.
        pictures: whether images of the volumes may be shown.
        condition: condition under which the sections were shown to the method.
    """
    complete = scored(answers, manifest.grid)
    by_metric = {each.metric: each for each in values if each.protocol == STRICT}
    primary = by_metric[PRIMARY]
    labelled = primary.counted
    bins: list[ReliabilityBin] = []
    if answers.probabilities:
        table = reliability(complete.boxes.reshape(-1, BOXES)[labelled], primary.values[labelled])
        bins = [ReliabilityBin(count=count, confidence=mean, right=right) for count, mean, right in table]
    shown = Shown(
        answers=case_answers(complete, truth, manifest),
        failures=failures(complete, truth, manifest, data, condition) if pictures else [],
    )
    errors = {
        name: np.percentile(metric.values[labelled], np.arange(0, 101, 5)).tolist()
        for name, metric in by_metric.items()
        if name in PoseErrors.__dataclass_fields__
    }
    return Details(bins, errors, shown.model_dump())


def case_answers(scores: Scored, truth: Truth, manifest: Manifest) -> list[Answer]:
    """Return the answers of a run to the cases of its board; none on a secret board."""
    rows = case_rows(manifest, truth.labels)
    boxes = scores.boxes.reshape(-1, BOXES)[rows]
    ranks, _ = first_correct(boxes, truth.labels.boxes[rows])
    centres, normals = scores.answers.get("centres"), scores.answers.get("normals")
    return [
        Answer(
            section=int(row),
            rank=int(ranks[index]),
            box=int(boxes[index].argmax()),
            scores=as_bytes(_stretched(boxes[index])),
            centre=None if centres is None else centres[row].tolist(),
            normal=None if normals is None else normals[row].tolist(),
        )
        for index, row in enumerate(rows)
    ]


def failures(scores: Scored, truth: Truth, manifest: Manifest, data: Curated, condition: str = CLEAN) -> list[Failure]:
    """Return up to `FAILURES` labelled sections for which the best box is wrong, with pictures; none on a secret board.

    Sections are shown as the method saw them under the condition; the planes are those of the undamaged volume.
    """
    boxes, grid, volumes = scores.boxes.reshape(-1, BOXES), manifest.grid, data.volumes()
    best = boxes.argmax(axis=1)  # the first of equal scores, as in ranks
    rows = _failed_rows(best, truth, manifest)
    ranks, _ = first_correct(boxes[rows], truth.labels.boxes[rows])
    sections, poses = manifest.parts["test"].take(rows), _answered_poses(scores, truth, best[rows], rows, grid)
    degradation, records = damage_of(manifest, condition)
    seen = (sections.volume, sections.centres, sections.normals)
    pixels = degradation.apply(cut_from(data, condition), *seen, grid, records.take(rows))
    failed = []
    for index, row in enumerate(rows):
        which, true, (centre, normal) = sections.volume[index], truth.centres[row], poses[index]
        failed.append(
            Failure(
                section=int(row),
                volume=volumes.ids[which],
                rank=int(ranks[index]),
                box=int(best[row]),
                distance_voxel=min(math.dist(centre, true), sys.float_info.max),
                pixels=as_png(pixels[index]),
                there=as_png(plane_of(volumes.volumes[which], true, truth.normals[row])),
                answered=as_png(plane_of(volumes.volumes[which], centre, normal)),
            )
        )
    return failed


def plane_of(volume: NDArray[np.float32], centre: Array, normal: Array) -> NDArray[np.float32]:
    """Return the intensities of a volume in a plane: float32 (E, E), rows follow b, columns a.

    Intensities are interpolated linearly and are 0 outside the volume.

    Args:
        volume: (E, E, E).
        centre: (3,) in voxels, at row and column E/2.
        normal: (3,), any positive length.
    """
    from scipy import ndimage  # slow to import, and needed for pictures only

    edge = len(volume)
    points = centre[:, None] + plane(np.asarray(normal, dtype=np.float64)[None], square(edge))[0]  # (3, E^2)
    pixels: NDArray[np.float32] = ndimage.map_coordinates(volume, points, order=1, mode="constant")
    return pixels.reshape(edge, edge)


def _failed_rows(best: NDArray[np.int64], truth: Truth, manifest: Manifest) -> NDArray[np.int64]:
    """Return random rows of failures; all runs of a board use one random order, so that common failures recur."""
    if is_secret(manifest.gathering):
        return np.zeros(0, dtype=np.int64)
    correct = truth.labels.boxes
    wrong = correct.any(axis=1) & ~correct[np.arange(len(best)), best]
    order = streams.permutation(len(best), "failures", manifest.digest)
    return order[wrong[order]][:FAILURES]


def _answered_poses(
    scores: Scored, truth: Truth, best: NDArray[np.int64], rows: NDArray[np.int64], grid: BlockGrid
) -> list[tuple[Array, Array]]:
    """Return centre and normal of answers: the predicted ones, or the middle of the best box and the true normal."""
    centres, normals = scores.answers.get("centres"), scores.answers.get("normals")
    if centres is None or normals is None:
        middles = grid.box_starts[best] + (grid.fine_edge - 1) / 2
        return list(zip(middles, truth.normals[rows], strict=True))
    return list(zip(centres[rows], normals[rows], strict=True))


def _stretched(scores: NDArray[np.float32]) -> Array:
    """Return scores (K,) scaled to the range 0 (lowest) to 1 (highest); 0 if all are equal."""
    above = scores.astype(np.float64) - float(scores.min())
    return above / (above.max() or 1.0)
