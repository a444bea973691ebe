"""Search of the poses of a section in a scan, from coarse to fine.

1. On the coarsest level, all positions near tissue and an even set of rotations are compared. The rotations include those that
   show the plane from behind, so that a section that was turned over on its slide is found, too.
2. The best poses are moved and turned in ever smaller steps, on this level and then on the finer ones. Fewer are kept each
   time, of which no two are alike.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from atombench.locating.levels import Level
from atombench.locating.planes import Planes, distinct, neighbours, shown
from atombench.locating.rotations import rotations_apart
from atombench.progress import tracked
from atombench.similarity.measure import Measure

PER_ROTATION = 4  # best positions of each rotation that are kept
KEPT = (20_000, 1_000, 48, 24, 24, 24, 24, 24)  # poses that are refined on each level
ROUNDS = (4, 3, 3)  # of refinement with the first steps of a level, and with half and a quarter of them
TURN = 1.2  # rotations are this many pixels apart at the ends of the section


def search(levels: Sequence[Level], measure: Measure, allowed: NDArray[np.bool_]) -> Planes:
    """Return the most similar poses, the best first.

    Args:
        levels: from coarse to fine.
        measure: similarity.
        allowed: voxels of the coarsest level at which centres may lie.
    """
    angle = first_angle(levels)
    planes = coarse(levels[0], measure, allowed, angle)
    for number, level in enumerate(levels):
        step, turn = level.spacing / 2, angle / 2 ** (number + 1)
        planes = refined(level, measure, planes.take(slice(KEPT[number])), step, turn)
        planes = distinct(planes, step, turn, KEPT[min(number + 1, len(KEPT) - 1)])
    return planes


def refined_on(levels: Sequence[Level], measure: Measure, planes: Planes, angle: float) -> Planes:
    """Return the poses, in the same order, after moving and turning them on each level, at first by up to `angle` radians."""
    for number, level in enumerate(levels):
        planes = refined(level, measure, planes, level.spacing / 2, angle / 2 ** (number + 1))
    return planes


def first_angle(levels: Sequence[Level]) -> float:
    """Return the angle between rotations on the coarsest level, in radians."""
    return TURN * 2 / max(levels[0].section.shape)


def coarse(level: Level, measure: Measure, allowed: NDArray[np.bool_], angle: float) -> Planes:
    """Compare all allowed positions and rotations about `angle` radians apart; return the best poses of each rotation."""
    rotations = rotations_apart(angle)
    margin = int(np.ceil(np.linalg.norm(level.section.shape) / 2)) + 1
    padded = np.pad(level.volume, margin)
    strides = np.array([padded.shape[1] * padded.shape[2], padded.shape[2], 1])
    positions = np.argwhere(allowed)
    base = torch.from_numpy((positions + margin) @ strides)[:, None]
    voxels = torch.from_numpy(padded.ravel())
    offsets = level.offsets / level.spacing
    query = features_of(measure, torch.from_numpy(level.section)[None])
    count, found = min(PER_ROTATION, len(positions)), []
    for axes in tracked(rotations, len(rotations), "search", "rotation"):
        steps = torch.from_numpy(np.round(offsets @ axes[:, :2].T).astype(np.int64) @ strides)
        sections = voxels[base + steps].reshape(-1, *level.section.shape)
        scores = measure.scores(query, measure.features(sections))[0]
        best = scores.topk(count)
        found.append((best.indices.numpy(), best.values.numpy()))
    indices, scores = (np.concatenate(parts) for parts in zip(*found, strict=True))
    centres = positions[indices] * level.spacing + level.origin
    return Planes(centres, np.repeat(rotations, count, axis=0), scores.astype(np.float64)).best_first()


def refined(level: Level, measure: Measure, planes: Planes, step: float, angle: float) -> Planes:
    """Return the poses, in the same order, after moving and turning them in ever smaller steps."""
    query = features_of(measure, torch.from_numpy(level.section)[None])
    centres, axes, scores = planes.centres, planes.axes, compared(level, measure, query, planes)
    for halved, rounds in enumerate(ROUNDS):
        for _ in range(rounds):
            near = neighbours(Planes(centres, axes, scores), step / 2**halved, angle / 2**halved)
            found = compared(level, measure, query, near).reshape(len(scores), -1)
            best = found.argmax(axis=1)
            better = found[np.arange(len(best)), best] > scores
            rows = np.arange(len(best)) * found.shape[1] + best
            centres = np.where(better[:, None], near.centres[rows], centres)
            axes = np.where(better[:, None, None], near.axes[rows], axes)
            scores = np.where(better, found.max(axis=1), scores)
    return Planes(centres, axes, scores)


def compared(level: Level, measure: Measure, query: Tensor, planes: Planes) -> NDArray[np.float64]:
    """Return the similarity of the section, given by its features (1, F), and what the scan shows at poses; (N,)."""
    sections = shown(level, planes.points(level.offsets))
    found: NDArray[np.float64] = measure.scores(query, measure.features(sections))[0].numpy().astype(np.float64)
    return found


def features_of(measure: Measure, sections: Tensor) -> Tensor:
    """Return the features of sections (N, H, W), float32 (N, F)."""
    found: Tensor = measure.features(sections)
    return found
