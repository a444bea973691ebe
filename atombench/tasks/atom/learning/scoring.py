"""Interface of networks, and scoring of many sections."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from atombench.engine.training.loop import Trainable
from atombench.errors import TrainingError
from atombench.tasks.atom.learning.feed import Batch
from atombench.tasks.atom.ranking import first_correct


class Network(Trainable):
    """Interface that a network must implement to be trained and to answer queries."""

    @abstractmethod
    def scores(self, volumes: Tensor, volume_index: Tensor, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Return scores of blocks (M, 27) and boxes (M, 729) of sections grouped by volume; arguments as in `in_volumes`."""


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
    for first in range(0, len(volumes), together):
        low, high = torch.searchsorted(volume_index, torch.tensor([first, first + together], device=volume_index.device))
        rows = slice(int(low), int(high))
        part = network.scores(volumes[first : first + together], volume_index[rows] - first, pixels[rows])
        coarse.append(part[0].float().cpu().numpy())
        boxes.append(part[1].float().cpu().numpy())
    return np.concatenate(coarse), np.concatenate(boxes)


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
