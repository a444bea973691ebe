"""The two protocols: what the paper reports, and what is ranked here. Values per section; averages are taken elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from atombench.engine.contract import Predictions
from atombench.engine.swaps import Swap
from atombench.errors import DataError
from atombench.statistics.chance import chance_hit, chance_reciprocal_rank
from atombench.tasks.atom.geometry import BLOCKS, BOXES, BlockGrid
from atombench.tasks.atom.labels import Labels
from atombench.tasks.atom.poses import pose_errors, pose_scores
from atombench.tasks.atom.ranking import first_correct

Array = NDArray[np.float64]
Protocol = Literal["published", "strict"] | Swap
PRIMARY = "fine_recall@1"
PUBLISHED_DEPTHS = (1, 5)
FINE_DEPTHS = (1, 5, 10)
COARSE_DEPTHS = (1, 5)
CALIBRATION_BINS = 15


@dataclass(frozen=True)
class Values:
    """One metric of one run, section by section.

    Attributes:
        protocol: `published`, `strict`, or an exchange of inputs scored by the strict one.
        metric: its name.
        values: (M,) or, for the calibration error, (M, bins).
        counted: (M,), the sections that the metric is about.
        chance: (M,), what uniform random scores give on average; None where that has no meaning.
    """

    protocol: Protocol
    metric: str
    values: NDArray[Any]
    counted: NDArray[np.bool_] = field(repr=False)
    chance: Array | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Truth:
    """True poses and labels of M test sections, and mm per voxel (M, 3)."""

    centres: Array
    normals: Array
    spacing: Array
    labels: Labels


@dataclass(frozen=True)
class Scored:
    """Predictions with every score filled in: from poses, or from the boxes where blocks are not ranked by themselves.

    Attributes:
        boxes: (M, 27, 27), over all boxes (strict).
        blocks: (M, 27), for the published protocol.
        inner: (M, 27, 27), boxes within each block, for the published protocol.
        predictions: what the method gave.
    """

    boxes: NDArray[np.float32]
    blocks: NDArray[np.floating]
    inner: NDArray[np.float32]
    predictions: Predictions


def scored(predictions: Predictions, grid: BlockGrid) -> Scored:
    """Fill in what the method left to the platform.

    Raises:
        DataError: there are neither scores nor poses.
    """
    boxes, blocks, fine = predictions.boxes, predictions.coarse, predictions.fine
    if boxes is None:
        if predictions.centres is None or predictions.normals is None:
            raise DataError("expected scores for 729 boxes or poses, got neither")
        boxes, blocks = pose_scores(predictions.centres, predictions.normals, grid)
    joint = boxes.reshape(-1, BLOCKS, BLOCKS)
    return Scored(
        boxes=joint,
        blocks=joint.sum(axis=2, dtype=np.float64) if blocks is None else blocks,
        inner=joint if fine is None else fine.reshape(-1, BLOCKS, BLOCKS),
        predictions=predictions,
    )


def published(scores: Scored, truth: Truth) -> list[Values]:
    """The paper's accuracies; unlabelled sections count as wrong.

    high@k: the k best coarse blocks contain a correct one. oracle_low@k: they do, the best-ranked correct one of them is
    opened (the label decides which, hence "oracle"), and its k best boxes contain a correct one.
    """
    labels = truth.labels
    ranks, opened = first_correct(scores.blocks, labels.coarse)
    rows = np.arange(len(ranks))
    inner_ranks, _ = first_correct(scores.inner[rows, opened], labels.fine[rows, opened])
    everything = np.ones(len(ranks), dtype=bool)
    correct_blocks = labels.coarse.sum(axis=1)
    found = []
    for k in PUBLISHED_DEPTHS:
        high = ranks <= k
        chance = chance_hit(correct_blocks, BLOCKS, k)
        within = chance_hit(labels.fine.sum(axis=2), BLOCKS, k)  # (M, 27)
        mean_within = (within * labels.coarse).sum(axis=1) / np.maximum(correct_blocks, 1)
        found.append(Values("published", f"high@{k}", high, everything, chance))
        found.append(Values("published", f"oracle_low@{k}", high & (inner_ranks <= k), everything, chance * mean_within))
    return found


def strict(scores: Scored, truth: Truth, grid: BlockGrid) -> list[Values]:
    """The ranked numbers, over sections with at least one correct box."""
    boxes, correct = scores.boxes.reshape(-1, BOXES), truth.labels.boxes
    labelled = correct.any(axis=1)
    ranks, _ = first_correct(boxes, correct)
    coarse_ranks, _ = first_correct(scores.boxes.sum(axis=2, dtype=np.float64), truth.labels.coarse)
    number, coarse_number = correct.sum(axis=1), truth.labels.coarse.sum(axis=1)

    def value(metric: str, values: NDArray[Any], chance: Array | None = None) -> Values:
        return Values("strict", metric, values, labelled, chance)

    found = [value(f"fine_recall@{k}", ranks <= k, chance_hit(number, BOXES, k)) for k in FINE_DEPTHS]
    found += [value(f"coarse_recall@{k}", coarse_ranks <= k, chance_hit(coarse_number, BLOCKS, k)) for k in COARSE_DEPTHS]
    found.append(value("mean_reciprocal_rank", 1 / ranks, chance_reciprocal_rank(number, BOXES)))
    predictions = scores.predictions
    if predictions.probabilities:
        found.append(value("calibration_error", calibration_gaps(boxes, ranks == 1)))
    if predictions.centres is not None and predictions.normals is not None:
        pose = (predictions.centres, predictions.normals)
        errors = pose_errors(pose, (truth.centres, truth.normals), truth.spacing, grid)
        found += [value(name, error) for name, error in vars(errors).items() if np.isfinite(error[labelled]).all()]
    return found


def exchanged(swap: Swap, best: NDArray[np.int16], truth: Truth) -> list[Values]:
    """Strict recall of answers that were given with one input exchanged; `best` (M, 10) are the best boxes of each."""
    correct = truth.labels.boxes
    hits: NDArray[np.bool_] = np.take_along_axis(correct, best.astype(np.int64), axis=1)  # (M, 10)
    number, labelled = correct.sum(axis=1), correct.any(axis=1)
    found = []
    for k in FINE_DEPTHS:
        found.append(Values(swap, f"fine_recall@{k}", np.any(hits[:, :k], axis=1), labelled, chance_hit(number, BOXES, k)))
    return found


def reliability(boxes: NDArray[np.float32], right: NDArray[np.bool_]) -> list[tuple[int, float, float]]:
    """Number of answers, mean confidence and share of right ones in each confidence bin that holds any."""
    confidence = boxes.max(axis=1).astype(np.float64)
    bins = confidence_bins(confidence)
    return [
        (int(inside.sum()), float(confidence[inside].mean()), float(right[inside].mean()))
        for number in range(CALIBRATION_BINS)
        for inside in [bins == number]
        if inside.any()
    ]


def confidence_bins(confidence: Array) -> NDArray[np.int64]:
    """Bin of each confidence in [0, 1]."""
    return np.minimum((confidence * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1)


def calibration_gaps(boxes: NDArray[np.float32], right: NDArray[np.bool_]) -> Array:
    """Confidence in the best box less whether it is right, in the column of its confidence bin; (M, bins).

    Summed over sections and bins in absolute value, and divided by M, this is the expected calibration error.

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
