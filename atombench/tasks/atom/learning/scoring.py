"""Interface of networks, and scoring of many sections."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from atombench.engine.training.loop import Trainable
from atombench.errors import TrainingError
from atombench.tasks.atom.geometry import BlockGrid
from atombench.tasks.atom.learning.feed import Batch
from atombench.tasks.atom.poses import pose_scores
from atombench.tasks.atom.ranking import first_correct


class Network(Trainable):
    """Interface that a network must implement to be trained and to answer queries.

    Attributes:
        probabilities: whether scores are probabilities.
    """

    probabilities = True

    @abstractmethod
    def scores(self, volumes: Tensor, volume_index: Tensor, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Return scores of blocks (M, 27) and boxes (M, 729) of sections grouped by volume; arguments as in `in_volumes`."""

    def poses(self, volumes: Tensor, volume_index: Tensor, pixels: Tensor) -> tuple[Tensor, Tensor] | None:
        """Return centres (M, 3) in voxels and normals (M, 3), or None for a network without poses; arguments as in `scores`."""
        return None


class PoseNetwork(Network):
    """A network that predicts poses only; the scores of boxes are those that the platform derives from poses."""

    probabilities = False

    def __init__(self, grid: BlockGrid) -> None:
        super().__init__()
        self.grid = grid

    @abstractmethod
    def poses(self, volumes: Tensor, volume_index: Tensor, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Return centres (M, 3) in voxels and normals (M, 3); arguments as in `scores`."""

    def scores(self, volumes: Tensor, volume_index: Tensor, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Return scores of blocks (M, 27) and boxes (M, 729), on the CPU; see `pose_scores`."""
        centres, normals = (part.cpu().double().numpy() for part in self.poses(volumes, volume_index, pixels))
        boxes, coarse = pose_scores(centres, normals, self.grid)
        return torch.from_numpy(coarse), torch.from_numpy(boxes)


@torch.no_grad()
def in_volumes(
    network: Network, volumes: Tensor, volume_index: Tensor, pixels: Tensor, together: int = 8
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Score sections grouped by volume, a few volumes at a time.

    Args:
        network: network to evaluate.
        volumes: (V, E, E, E).
        volume_index: (M,), ascending.
        pixels: (M, 4s, 4s).
        together: volumes per call.

    Returns:
        float32 scores of blocks (M, 27) and boxes (M, 729).
    """
    network.eval()
    coarse, boxes = [], []
    for few, rows in _parts(volumes, volume_index, together):
        part = network.scores(volumes[few], volume_index[rows] - few.start, pixels[rows])
        coarse.append(part[0].float().cpu().numpy())
        boxes.append(part[1].float().cpu().numpy())
    return np.concatenate(coarse), np.concatenate(boxes)


@torch.no_grad()
def poses_in_volumes(
    network: Network, volumes: Tensor, volume_index: Tensor, pixels: Tensor, together: int = 8
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Return float64 centres and normals (M, 3) of sections, or None; arguments as in `in_volumes`."""
    network.eval()
    centres, normals = [], []
    for few, rows in _parts(volumes, volume_index, together):
        part = network.poses(volumes[few], volume_index[rows] - few.start, pixels[rows])
        if part is None:
            return None
        centres.append(part[0].cpu().double().numpy())
        normals.append(part[1].cpu().double().numpy())
    return np.concatenate(centres), np.concatenate(normals)


def _parts(volumes: Tensor, volume_index: Tensor, together: int) -> Iterator[tuple[slice, slice]]:
    """Yield the rows of a few volumes, and those of their sections."""
    for first in range(0, len(volumes), together):
        low, high = torch.searchsorted(volume_index, torch.tensor([first, first + together], device=volume_index.device))
        yield slice(first, first + together), slice(int(low), int(high))


def validate(network: Network, batch: Batch) -> float:
    """Return the strict fine recall@1 over the labelled sections of a batch.

    Raises:
        TrainingError: scores are NaN or infinite.
    """
    boxes = in_volumes(network, batch.volumes, batch.volume_index, batch.pixels)[1]
    if not np.isfinite(boxes).all():
        raise TrainingError("validation scores became NaN or infinite; lower the learning rate")
    correct = batch.labels.boxes.cpu().numpy()
    labelled = correct.any(axis=1)
    ranks, _ = first_correct(boxes[labelled], correct[labelled])
    return float((ranks == 1).mean()) if labelled.any() else 0.0
