"""Poses of sections: scores of boxes derived from predicted ones, and distances between poses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from atombench.tasks.atom.geometry import BOXES, BlockGrid, combine_axes, combine_block_axes, lattice

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Poses:
    """Poses of M sections of one volume: centres int16 (M, 3) in voxels, normals float64 (M, 3) of any length."""

    centres: NDArray[np.int16]
    normals: Array


def corner_points(centres: Array, normals: Array, grid: BlockGrid) -> Array:
    """Return the exact (unrounded) corner points of sections, in voxels; (M, 4, 3)."""
    corners = lattice(np.asarray(normals, dtype=np.float64), grid)[:, :, grid.corners]
    points: Array = centres[:, None, :] + corners.transpose(0, 2, 1)
    return points


def pose_scores(centres: Array, normals: Array, grid: BlockGrid) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return scores of all boxes and blocks for predicted poses.

    The margin of a box is the least distance in voxels by which the four corners lie inside it, negative if one lies outside.
    Its score is the logistic function of (margin + 1/2) / s, and exceeds 1/2 exactly if the label of the rounded pose
    contains the box.

    Args:
        centres: (M, 3) voxels.
        normals: (M, 3), any positive length.
        grid: grid of blocks.

    Returns:
        float32 (M, 729) and float32 (M, 27).
    """
    corners = np.round(corner_points(centres, normals, grid))
    low, high = corners.min(axis=1), corners.max(axis=1)  # (M, 3)

    def margins(starts: NDArray[np.int64], edge: int) -> Array:
        shape = (-1, 3, *(1,) * starts.ndim)
        return np.minimum(low.reshape(shape) - starts, starts + edge - 1 - high.reshape(shape))

    fine = margins(grid.fine_starts, grid.fine_edge)  # (M, 3 axes, 3, 3)
    boxes = combine_axes(np, [fine[:, axis] for axis in range(3)], np.minimum).reshape(-1, BOXES)
    blocks = combine_block_axes(np, margins(grid.coarse_starts, grid.coarse_edge), np.minimum)
    return _logistic(boxes, grid.scale), _logistic(blocks, grid.scale)


def _logistic(margin: Array, scale: int) -> NDArray[np.float32]:
    return (1 / (1 + np.exp(-(margin + 0.5) / scale))).astype(np.float32)


@dataclass(frozen=True)
class PoseErrors:
    """Distances between predicted and true poses (M sections); values in mm are NaN if the spacing is unknown.

    Attributes:
        centre_voxel, centre_mm: distance between the centres.
        corner_voxel, corner_mm: mean distance between corresponding corners.
        angle_degree: angle between the normals, 0 to 180.
    """

    centre_voxel: Array
    centre_mm: Array
    corner_voxel: Array
    corner_mm: Array
    angle_degree: Array


def pose_errors(predicted: tuple[Array, Array], true: tuple[Array, Array], spacing: Array, grid: BlockGrid) -> PoseErrors:
    """Compare poses, each given as (centres (M, 3), normals (M, 3)); spacing in mm per voxel, (M, 3)."""
    (centres, normals), (true_centres, true_normals) = predicted, true
    offset = centres - true_centres
    corners = corner_points(centres, normals, grid) - corner_points(true_centres, true_normals, grid)
    first = normals / np.linalg.norm(normals, axis=1, keepdims=True)
    second = true_normals / np.linalg.norm(true_normals, axis=1, keepdims=True)
    cross = np.linalg.norm(np.cross(first, second), axis=1)
    return PoseErrors(
        centre_voxel=np.linalg.norm(offset, axis=1),
        centre_mm=np.linalg.norm(offset * spacing, axis=1),
        corner_voxel=np.linalg.norm(corners, axis=2).mean(axis=1),
        corner_mm=np.linalg.norm(corners * spacing[:, None, :], axis=2).mean(axis=1),
        angle_degree=np.degrees(np.arctan2(cross, (first * second).sum(axis=1))),
    )
