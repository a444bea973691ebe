"""Search of the poses of a section in a scan, from coarse to fine.

1. On the coarsest level, all positions near tissue and an even set of rotations are compared. The rotations include those that
   show the plane from behind, so that a section that was turned over on its slide is found, too.
2. The best poses are moved and turned in ever smaller steps, on this level and then on the finer ones. Fewer are kept each
   time, of which no two are alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from atombench.locating.levels import LONGEST, Level
from atombench.locating.planes import Planes, distinct, neighbours, shown
from atombench.locating.region import Region
from atombench.locating.rotations import rotations_apart
from atombench.progress import tracked
from atombench.similarity.measure import Measure

AT_ONCE = 2**21  # pixels that are compared together
PER_ROTATION = 4  # best positions of each rotation that are kept
KEPT = (20_000, 1_000, 48, 24, 24, 24, 24, 24)  # poses that are refined on each level
ROUNDS = (4, 3, 3)  # of refinement with the first steps of a level, and with half and a quarter of them
TURN = 1.1  # rotations are this many pixels apart at the ends of the section


def search(levels: Sequence[Level], measure: Measure, allowed: NDArray[np.bool_], region: Region | None = None) -> Planes:
    """Return the most similar poses, the best first.

    Args:
        levels: from coarse to fine.
        measure: similarity.
        allowed: voxels of the coarsest level at which centres may lie.
        region: region that centres do not leave.
    """
    angle = first_angle(levels)
    planes = coarse(middle_of(levels[0]), measure, allowed, angle)
    if region is not None:
        planes = replace(planes, centres=region.nearest(planes.centres))
    for number, level in enumerate(tracked(levels, len(levels), "refine", "resolution")):
        step, turn = level.spacing / 2, angle / 2 ** (number + 1)
        planes = refined(level, measure, planes.take(slice(KEPT[number])), step, turn, region)
        planes = distinct(planes, step, turn, KEPT[min(number + 1, len(KEPT) - 1)])
    return planes


def refined_on(levels: Sequence[Level], measure: Measure, planes: Planes, angle: float, region: Region | None = None) -> Planes:
    """Return the poses, in the same order, after moving and turning them on each level, at first by up to `angle` radians."""
    for number, level in enumerate(levels):
        planes = refined(level, measure, planes, level.spacing / 2, angle / 2 ** (number + 1), region)
    return planes


def first_angle(levels: Sequence[Level]) -> float:
    """Return the angle between rotations on the coarsest level, in radians."""
    return TURN * 2 / max(middle_of(levels[0]).section.shape)


def middle_of(level: Level) -> Level:
    """Return the level with only the middle part of a long section, which limits the number of rotations to compare."""
    shape = np.array(level.section.shape)
    kept = np.minimum(shape, int(LONGEST * shape.min()))
    first = (shape - kept + (shape - kept) % 2) // 2  # as much on both sides
    kept = shape - 2 * first
    return replace(level, section=level.section[first[0] : first[0] + kept[0], first[1] : first[1] + kept[1]])


def coarse(level: Level, measure: Measure, allowed: NDArray[np.bool_], angle: float) -> Planes:
    """Compare all allowed positions and rotations about `angle` radians apart; return the best poses of each rotation."""
    symmetries = symmetries_of(level)
    rotations = fundamental(rotations_apart(angle), symmetries)
    queries = features_of(measure, torch.from_numpy(np.stack([seen_from(level, symmetry) for symmetry in symmetries])))
    margin = int(np.ceil(np.linalg.norm(level.section.shape) / 2)) + 1
    padded = np.pad(level.volume, margin)
    strides = np.array([padded.shape[1] * padded.shape[2], padded.shape[2], 1])
    positions = np.argwhere(allowed)
    base = torch.from_numpy((positions + margin) @ strides)[:, None]
    voxels = torch.from_numpy(padded.ravel())
    offsets = level.offsets / level.spacing
    count, found = min(PER_ROTATION, len(positions)), []
    for axes in tracked(rotations, len(rotations), "search", "rotation"):
        steps = torch.from_numpy(np.round(offsets @ axes[:, :2].T).astype(np.int64) @ strides)
        parts = [
            measure.scores(queries, measure.features(voxels[part + steps].reshape(-1, *level.section.shape)))
            for part in base.split(max(1, AT_ONCE // steps.numel()))
        ]
        best = torch.cat(parts, dim=1).topk(count, dim=1)
        found.append((best.indices.numpy(), best.values.numpy()))
    indices, scores = (np.stack(parts).ravel() for parts in zip(*found, strict=True))
    centres = positions[indices] * level.spacing + level.origin
    turned = (rotations[:, None] @ symmetries).reshape(-1, 3, 3)
    return Planes(centres, np.repeat(turned, count, axis=0), scores.astype(np.float64)).best_first()


def symmetries_of(level: Level) -> NDArray[np.float64]:
    """Return the rotations that take the pixels of a section to each other, as seen from both sides; (4 or 8, 3, 3).

    Those of a rectangle are half turns about its axes; a square has quarter turns, too.
    """
    halves = np.stack([np.diag(signs) for signs in ([1.0, 1, 1], [1.0, -1, -1], [-1.0, 1, -1], [-1.0, -1, 1])])
    height, width = level.section.shape
    quarter = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    return halves if height != width else np.concatenate([halves, halves @ quarter])


def seen_from(level: Level, symmetry: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the pixels of the section in the places to which a symmetry takes them, (H, W).

    What a scan shows at axes A is similar to the result as it is similar to the section at axes A S, where S is the symmetry.
    """
    height, width = level.section.shape
    places = level.offsets / level.spacing @ symmetry[:2, :2].T + [(width - 1) / 2, (height - 1) / 2]
    columns, rows = np.round(places).astype(int).T
    moved = np.empty_like(level.section)
    moved[rows, columns] = level.section.ravel()
    return moved


def fundamental(rotations: NDArray[np.float64], symmetries: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return those of even rotations (N, 3, 3) that are nearer to the identity than their products with symmetries."""
    traces = np.einsum("nij,sji->ns", rotations, symmetries)
    return rotations[traces[:, 0] >= traces.max(axis=1) - 1e-12]


def refined(level: Level, measure: Measure, planes: Planes, step: float, angle: float, region: Region | None = None) -> Planes:
    """Return the poses, in the same order, after moving and turning them in ever smaller steps within a region."""
    query = features_of(measure, torch.from_numpy(level.section)[None])
    centres, axes, scores = planes.centres, planes.axes, compared(level, measure, query, planes)
    for halved, rounds in enumerate(ROUNDS):
        for _ in range(rounds):
            near = neighbours(Planes(centres, axes, scores), step / 2**halved, angle / 2**halved)
            found = compared(level, measure, query, near)
            if region is not None:
                found[~region.contains(near.centres)] = -np.inf
            found = found.reshape(len(scores), -1)
            best = found.argmax(axis=1)
            better = found[np.arange(len(best)), best] > scores
            rows = np.arange(len(best)) * found.shape[1] + best
            centres = np.where(better[:, None], near.centres[rows], centres)
            axes = np.where(better[:, None, None], near.axes[rows], axes)
            scores = np.where(better, found.max(axis=1), scores)
    return Planes(centres, axes, scores)


def compared(level: Level, measure: Measure, query: Tensor, planes: Planes) -> NDArray[np.float64]:
    """Return the similarity of the section, given by its features (1, F), and what the scan shows at poses; (N,)."""
    offsets = level.offsets
    size = max(1, AT_ONCE // len(offsets))
    parts = [
        measure.scores(query, measure.features(shown(level, planes.take(slice(first, first + size)).points(offsets))))[0]
        for first in range(0, len(planes), size)
    ]
    return torch.cat(parts).numpy().astype(np.float64)


def features_of(measure: Measure, sections: Tensor) -> Tensor:
    """Return the features of sections (N, H, W), float32 (N, F)."""
    found: Tensor = measure.features(sections)
    return found
