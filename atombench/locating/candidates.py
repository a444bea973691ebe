"""Distinct poses of a section: all positions and rotations from coarse to fine, or those that a network scores highest.

Both ways, the best poses are moved and turned until scan and section are as similar as possible.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from atombench.errors import DataError
from atombench.locating.choices import Choices
from atombench.locating.confidence import Confidence
from atombench.locating.learned import Cube, Learned, check_covers, learned_planes
from atombench.locating.levels import Level, levels_of
from atombench.locating.planes import Planes, distinct_rows
from atombench.locating.region import allowed_centres, check_sizes, organ_mask
from atombench.locating.scan import Scan
from atombench.locating.search import first_angle, refined_on, search
from atombench.locating.section_image import SectionImage
from atombench.similarity.table import MEASURES
from atombench.tasks.atom.geometry import BlockGrid

POSES = 12  # most poses of a result
APART = 2.0  # distance of different poses, as a multiple of what counts as near
TURNED_APART = 0.35  # radians between different poses at the same place
NEAR = 0.1  # distance that counts as near, as a share of the shorter side of the section
PUBLISHED = BlockGrid(2, 2)  # smaller sections are hardly ever located by features if they may be turned by any angle
STARTS = 48  # poses by learned similarity that are moved and turned


@dataclass(frozen=True)
class Found:
    """Distinct poses of a section, with the evidence for each.

    Attributes:
        planes: poses with their similarity; the most likely first.
        learned: logarithm of the share of each pose by learned similarity; zeros without a network, (N,).
        near: distance in mm that counts as near.
        pixels: number of pixels that were compared at the finest resolution.
    """

    planes: Planes
    learned: NDArray[np.float64]
    near: float
    pixels: int


def find_poses(scan: Scan, section: SectionImage, choices: Choices, confidence: Confidence) -> Found:
    """Return up to `POSES` distinct poses of a section.

    Args:
        scan: the scan.
        section: the section.
        choices: how to search for it.
        confidence: weighs similarity and learned similarity.

    Raises:
        DataError: scan and section do not fit each other.
    """
    check_sizes(scan, section)
    levels = levels_of(scan, section.pixels, section.pixel_mm)
    allowed = allowed_centres(levels[0], choices.region)
    near = max(2 * levels[-1].spacing, NEAR * float(section.size_mm.min()))
    if choices.method == "locus":
        planes, learned = _by_features(scan, section, levels, allowed, choices, near)
    else:
        planes = search(levels, MEASURES[choices.similarity], allowed, choices.region)
        learned = np.zeros(len(planes))
    order = np.argsort(-confidence.strengths(planes.scores, learned), kind="stable")
    if choices.region is not None:
        order = order[choices.region.contains(planes.centres[order])]
    if not len(order):
        msg = "no similar pose has its centre in the organ and the region; use the search, or a larger region"
        raise DataError(msg)
    planes, learned = planes.take(order), learned[order]
    rows = distinct_rows(planes, APART * near, TURNED_APART, POSES)
    return Found(planes.take(rows), learned[rows], near, levels[-1].section.size)


def _by_features(
    scan: Scan, section: SectionImage, levels: Sequence[Level], allowed: NDArray[np.bool_], choices: Choices, near: float
) -> tuple[Planes, NDArray[np.float64]]:
    """Return the best poses by learned similarity, moved and turned by the measure, and the logarithms of their shares."""
    first = levels[0]
    learned = Learned.published(PUBLISHED) if choices.weights is None else Learned.read(choices.weights)
    cube = Cube.of(scan, organ_mask(first.volume), first.origin, first.spacing, learned.grid.edge)
    check_covers(section, cube.spacing, learned.grid)
    planes, shares = learned_planes(cube, section, learned, torch.get_num_threads())
    inside = _inside(first, allowed, planes.centres)
    order = np.flatnonzero(inside)[np.argsort(-shares[inside], kind="stable")]
    planes, shares = planes.take(order), shares[order]
    rows = distinct_rows(planes, near, TURNED_APART / 2, STARTS)
    if not len(rows):
        return planes, shares
    measure, turn = MEASURES[choices.similarity], first_angle(levels) / 2
    moved = refined_on(levels[1:] or levels, measure, planes.take(rows), turn, choices.region)
    return moved, shares[rows]


def _inside(level: Level, allowed: NDArray[np.bool_], centres: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which centres (N, 3) in scanner mm lie in allowed voxels or beside them, (N,)."""
    near = binary_dilation(allowed)
    voxels = np.round((centres - level.origin) / level.spacing).astype(int)
    within = ((voxels >= 0) & (voxels < near.shape)).all(axis=1)
    inside: NDArray[np.bool_] = within & near[tuple(np.clip(voxels, 0, np.array(near.shape) - 1).T)]
    return inside
