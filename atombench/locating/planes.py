"""Poses of a section in scanner space, and the pixels that a scan shows there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from torch import Tensor
from torch.nn.functional import grid_sample

from atombench.locating.levels import Level


@dataclass(frozen=True)
class Planes:
    """N poses of one section.

    Attributes:
        centres: scanner mm, float64 (N, 3).
        axes: directions of columns (left to right), of rows (top to bottom), and the normal, as columns; float64 (N, 3, 3).
        scores: similarity, float64 (N,).
    """

    centres: NDArray[np.float64]
    axes: NDArray[np.float64]
    scores: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.scores)

    def take(self, rows: NDArray[np.intp] | slice) -> Planes:
        """Return some of them."""
        return Planes(self.centres[rows], self.axes[rows], self.scores[rows])

    @staticmethod
    def joined(parts: Sequence[Planes]) -> Planes:
        """Return the poses of several sets, one set after the other."""
        return Planes(*(np.concatenate(arrays) for arrays in zip(*(vars(part).values() for part in parts), strict=True)))

    def best_first(self) -> Planes:
        """Return them in order of their scores."""
        return self.take(np.argsort(-self.scores, kind="stable"))

    def points(self, offsets: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return points at offsets (P, 2) in mm along columns and rows from the centres; (N, P, 3)."""
        found: NDArray[np.float64] = self.centres[:, None] + offsets @ self.axes[:, :, :2].transpose(0, 2, 1)
        return found


def distinct(planes: Planes, mm: float, angle: float, count: int) -> Planes:
    """Return up to `count` poses, the best first, of which no two are both within `mm` and within `angle` radians."""
    ordered = planes.best_first()
    return ordered.take(distinct_rows(ordered, mm, angle, count))


def distinct_rows(planes: Planes, mm: float, angle: float, count: int) -> NDArray[np.intp]:
    """Return the numbers of up to `count` poses; earlier ones are preferred. See `distinct`."""
    left = np.ones(len(planes), dtype=bool)
    kept: list[int] = []
    while left.any() and len(kept) < count:
        row = int(left.argmax())
        kept.append(row)
        turned = np.einsum("nij,ij->n", planes.axes, planes.axes[row])  # 1 + 2 cos(angle)
        moved = np.linalg.norm(planes.centres - planes.centres[row], axis=1)
        left &= (moved > mm) | (turned < 1 + 2 * np.cos(angle))
        left[row] = False
    return np.array(kept, dtype=np.intp)


def shown(level: Level, points: NDArray[np.float64]) -> Tensor:
    """Return the values of a level at points in scanner mm (N, P, 3), 0 outside, as sections (N, H, W)."""
    size = np.array(level.volume.shape)
    volume = torch.from_numpy(level.volume)[None, None]
    between = (2 * (points - level.origin) / level.spacing + 1) / size - 1
    grid = torch.from_numpy(between[:, :, ::-1].astype(np.float32))  # last axis first
    found: Tensor = grid_sample(volume, grid[None, :, :, None], align_corners=False)
    return found.reshape(-1, *level.section.shape)


def neighbours(planes: Planes, step: float, angle: float) -> Planes:
    """Return the poses moved by `step` mm either way along each of their axes, and turned by `angle` radians about each.

    Returns:
        12 N poses: those of the first pose first. Their scores are minus infinity.
    """
    along = np.concatenate([np.eye(3), -np.eye(3)])
    moved = planes.centres[:, None] + step * along @ planes.axes.transpose(0, 2, 1)
    turned = planes.axes[:, None] @ Rotation.from_rotvec(angle * along).as_matrix()
    centres = np.concatenate([moved, np.repeat(planes.centres[:, None], 6, axis=1)], axis=1)
    axes = np.concatenate([np.repeat(planes.axes[:, None], 6, axis=1), turned], axis=1)
    return Planes(centres.reshape(-1, 3), axes.reshape(-1, 3, 3), np.full(12 * len(planes), -np.inf))
