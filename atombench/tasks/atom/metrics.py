"""Metrics of both protocols, published and strict, as values per section; `evaluate` averages them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atombench.engine.answers import Answers
from atombench.errors import DataError
from atombench.records.metric import SHIFT
from atombench.statistics.chance import chance_hit, chance_reciprocal_rank
from atombench.statistics.values import Values
from atombench.tasks.atom.answers import FINE_DEPTHS, check_complete
from atombench.tasks.atom.geometry import BLOCKS, BOXES, BlockGrid
from atombench.tasks.atom.labels import Labels, label_sections
from atombench.tasks.atom.manifest import Manifest, check_belongs
from atombench.tasks.atom.poses import pose_errors, pose_scores
from atombench.tasks.atom.ranking import first_correct
from atombench.tasks.atom.shifts import volume_shifts
from atombench.tasks.task import Clusters
from atombench.volumes.curated import Curated

Array = NDArray[np.float64]
PUBLISHED_DEPTHS = (1, 5)
COARSE_DEPTHS = (1, 5)
HIT = 1.5  # voxels at scale 1; a predicted centre within this distance is a hit
CALIBRATION_BINS = 15


@dataclass(frozen=True)
class Truth:
    """True poses (M, 3), spacing in mm per voxel (M, 3), labels of M test sections, and labels after the volumes are moved."""

    centres: Array
    normals: Array
    spacing: Array
    labels: Labels
    moved: Labels
    grid: BlockGrid


def make_truth(data: Curated, manifest: Manifest) -> Truth:
    """Return poses and labels of the test sections, in the order of the manifest.

    Raises:
        DataError: the manifest was drawn for other volumes.
    """
    check_belongs(data.index.digest, manifest)
    sections, rows = manifest.parts["test"], manifest.volume_rows("test")
    steps = volume_shifts(manifest)[np.searchsorted(rows, sections.volume)]
    return Truth(
        centres=sections.centres.astype(np.float64),
        normals=sections.normals,
        spacing=data.index.spacing_mm[sections.volume],
        labels=sections.labels(manifest.grid),
        moved=label_sections(sections.points(manifest.grid) + steps[:, :, None], manifest.grid),
        grid=manifest.grid,
    )


def clusters(data: Curated, manifest: Manifest) -> Clusters:
    """Return the test volumes, which the bootstrap resamples, and the volume of each test section."""
    rows = manifest.volume_rows("test")
    names = [data.index.ids[row] for row in rows]
    return Clusters(names, np.searchsorted(rows, manifest.parts["test"].volume))


@dataclass(frozen=True)
class Scored:
    """Answers with all scores; missing scores are derived from poses, or those of blocks from boxes.

    Attributes:
        boxes: (M, 27, 27), scores over all boxes, for the strict protocol.
        blocks: (M, 27), scores of blocks, for the published protocol.
        inner: (M, 27, 27), scores of boxes within each block, for the published protocol.
        answers: answers of the method.
    """

    boxes: NDArray[np.float32]
    blocks: NDArray[np.floating]
    inner: NDArray[np.float32]
    answers: Answers

    @property
    def pose(self) -> tuple[Array, Array] | None:
        """Centres (M, 3) and normals (M, 3), if the method predicts poses."""
        centres, normals = self.answers.get("centres"), self.answers.get("normals")
        return None if centres is None or normals is None else (centres, normals)


def scored(answers: Answers, grid: BlockGrid) -> Scored:
    """Add the scores that the method did not return.

    Raises:
        DataError: both scores and poses are missing.
    """
    check_complete(answers)
    boxes, blocks, fine = (answers.get(name) for name in ("boxes", "coarse", "fine"))
    if boxes is None:
        boxes, blocks = pose_scores(np.asarray(answers.get("centres")), np.asarray(answers.get("normals")), grid)
    joint = boxes.reshape(-1, BLOCKS, BLOCKS)
    return Scored(
        boxes=joint,
        blocks=joint.sum(axis=2, dtype=np.float64) if blocks is None else blocks,
        inner=joint if fine is None else fine.reshape(-1, BLOCKS, BLOCKS),
        answers=answers,
    )


def published(scores: Scored, truth: Truth) -> list[Values]:
    """Return the paper's accuracies; unlabelled sections count as wrong.

    high@k: the k best coarse blocks contain a correct one. oracle_low@k: in addition, the k best boxes within the best-ranked
    correct block contain a correct one; the label decides which block that is, hence "oracle".
    """
    labels = truth.labels
    ranks, opened = first_correct(scores.blocks, labels.coarse)
    rows = np.arange(len(ranks))
    inner_ranks, _ = first_correct(scores.inner[rows, opened], labels.fine[rows, opened])
    every_section = np.ones(len(ranks), dtype=bool)
    correct_blocks = labels.coarse.sum(axis=1)
    metrics = []
    for k in PUBLISHED_DEPTHS:
        high = ranks <= k
        chance = chance_hit(correct_blocks, BLOCKS, k)
        within = chance_hit(labels.fine.sum(axis=2), BLOCKS, k)  # (M, 27)
        mean_within = (within * labels.coarse).sum(axis=1) / np.maximum(correct_blocks, 1)
        metrics.append(Values("published", f"high@{k}", high, every_section, chance))
        metrics.append(Values("published", f"oracle_low@{k}", high & (inner_ranks <= k), every_section, chance * mean_within))
    return metrics


def strict(scores: Scored, truth: Truth, grid: BlockGrid) -> list[Values]:
    """Return the strict metrics, over sections with at least one correct box."""
    boxes, correct = scores.boxes.reshape(-1, BOXES), truth.labels.boxes
    labelled = correct.any(axis=1)
    ranks, _ = first_correct(boxes, correct)
    coarse_ranks, _ = first_correct(scores.boxes.sum(axis=2, dtype=np.float64), truth.labels.coarse)
    number, coarse_number = correct.sum(axis=1), truth.labels.coarse.sum(axis=1)

    def value(metric: str, values: NDArray[Any], chance: Array | None = None) -> Values:
        return Values("strict", metric, values, labelled, chance)

    metrics = [value(f"fine_recall@{k}", ranks <= k, chance_hit(number, BOXES, k)) for k in FINE_DEPTHS]
    metrics += [value(f"coarse_recall@{k}", coarse_ranks <= k, chance_hit(coarse_number, BLOCKS, k)) for k in COARSE_DEPTHS]
    metrics.append(value("mean_reciprocal_rank", 1 / ranks, chance_reciprocal_rank(number, BOXES)))
    if scores.answers.probabilities:
        metrics.append(value("calibration_error", calibration_gaps(boxes, ranks == 1)))
    if scores.pose is not None:
        errors = pose_errors(scores.pose, (truth.centres, truth.normals), truth.spacing, grid)
        metrics.append(value("centre_hit", errors.centre_voxel <= HIT * grid.scale))
        metrics += [value(name, error) for name, error in vars(errors).items() if np.isfinite(error[labelled]).all()]
    return metrics


def score(answers: Answers, truth: Truth) -> list[Values]:
    """Return the values of all metrics of both protocols, in the order of the manifest."""
    complete = scored(answers, truth.grid)
    return published(complete, truth) + strict(complete, truth, truth.grid)


def best_boxes_of(answers: Answers, truth: Truth) -> Answers:
    """Return the number of the best box of each answer, int16 (M, 1); ties go to the lower number."""
    boxes = scored(answers, truth.grid).boxes.reshape(-1, BOXES)
    return Answers(best=boxes.argmax(axis=1).astype(np.int16)[:, None])


def score_exchanged(exchange: str, kept: Answers, truth: Truth, asked: NDArray[np.int64]) -> list[Values]:
    """Return the strict recall of answers to exchanged cases, from the best boxes (K, KEPT) of each answer.

    Labels of moved volumes move with them. A section counts if it has a correct box before and after.
    """
    before, best = truth.labels.boxes[asked], np.asarray(kept.get("best"))
    correct = truth.moved.boxes[asked] if exchange == SHIFT else before
    hits: NDArray[np.bool_] = np.take_along_axis(correct, best.astype(np.int64), axis=1)  # (K, KEPT)
    number, labelled = correct.sum(axis=1), correct.any(axis=1) & before.any(axis=1)
    metrics = []
    for k in FINE_DEPTHS:
        metrics.append(
            Values(exchange, f"fine_recall@{k}", np.any(hits[:, :k], axis=1), labelled, chance_hit(number, BOXES, k))
        )
    return metrics


def reliability(boxes: NDArray[np.float32], right: NDArray[np.bool_]) -> list[tuple[int, float, float]]:
    """Return the number of answers, mean confidence and share of correct answers in each non-empty confidence bin."""
    confidence = boxes.max(axis=1).astype(np.float64)
    bins = confidence_bins(confidence)
    return [
        (int(inside.sum()), float(confidence[inside].mean()), float(right[inside].mean()))
        for number in range(CALIBRATION_BINS)
        for inside in [bins == number]
        if inside.any()
    ]


def confidence_bins(confidence: Array) -> NDArray[np.int64]:
    """Return the bin of each confidence in [0, 1]."""
    return np.minimum((confidence * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1)


def calibration_gaps(boxes: NDArray[np.float32], right: NDArray[np.bool_]) -> Array:
    """Return confidence in the best box minus its correctness (0 or 1), in the column of its confidence bin; (M, bins).

    The expected calibration error is the sum over bins of the absolute sums over sections, divided by M.

    Raises:
        DataError: scores lie outside [0, 1].
    """
    confidence = boxes.max(axis=1).astype(np.float64)
    if confidence.min(initial=0) < 0 or confidence.max(initial=0) > 1:
        msg = f"expected probabilities in [0, 1], got {confidence.min():g} to {confidence.max():g}"
        raise DataError(msg)
    bins = confidence_bins(confidence)
    gaps = np.zeros((len(boxes), CALIBRATION_BINS))
    gaps[np.arange(len(boxes)), bins] = confidence - right
    return gaps
