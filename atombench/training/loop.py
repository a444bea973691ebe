"""The training loop: sections are cut on the device inside the step, batches share volumes, the best validation counts.

Everything random is keyed by the seed and the step. The validation score is the strict fine recall@1; test sections are not
among what the loop is given.
"""

from __future__ import annotations

import json
import math
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from atombench import streams
from atombench.atom.geometry import BlockGrid
from atombench.atom.labels import Labels
from atombench.atom.manifest import Sections
from atombench.atom.ranking import first_correct
from atombench.atom.sections import cut_and_label
from atombench.errors import TrainingError
from atombench.progress import Progress


@dataclass(frozen=True)
class Schedule:
    """How long and how to train.

    Attributes:
        steps: optimiser steps.
        batch_volumes: volumes of a batch.
        batch_sections: sections of each of them.
        learning_rate: peak; it rises over the first tenth of the steps and falls to zero along a cosine.
        weight_decay: decoupled, on weight matrices only.
        validations: how often the validation score is taken, evenly spread.
        val_sections: validation sections looked at, a fixed keyed choice.
    """

    steps: int
    batch_volumes: int
    batch_sections: int
    learning_rate: float
    weight_decay: float
    validations: int
    val_sections: int


@dataclass(frozen=True)
class Batch:
    """M sections of V volumes: volumes (V, E, E, E), volume_index (M,), pixels (M, 4s, 4s), labels."""

    volumes: Tensor
    volume_index: Tensor
    pixels: Tensor
    labels: Labels


class Network(torch.nn.Module, ABC):
    """What a network must offer to be trained and to answer."""

    @abstractmethod
    def loss(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """Mean loss of a batch."""

    @abstractmethod
    def scores(self, volumes: Tensor, volume_index: Tensor, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Scores of blocks (M, 27) and boxes (M, 729)."""


class SectionFeed:
    """Cuts batches of sections out of volumes that lie on the device."""

    def __init__(self, volumes: NDArray[np.float32], sections: Sections, grid: BlockGrid, device: str) -> None:
        order = np.argsort(sections.volume, kind="stable")
        self.grid = grid
        self.present, self.first, self.counts = np.unique(sections.volume[order], return_index=True, return_counts=True)
        self.volumes = torch.from_numpy(volumes).to(device)
        self.volume = torch.from_numpy(sections.volume[order].astype(np.int64)).to(device)
        self.centres = torch.from_numpy(sections.centres[order].astype(np.int64)).to(device)
        self.normals = torch.from_numpy(sections.normals[order]).to(device)

    def draw(self, volumes: int, sections: int, *key: object) -> Batch:
        """Draw a batch with replacement from the stream `key`."""
        drawn = streams.words(volumes * (1 + sections), *key)
        chosen = (drawn[:volumes] % np.uint64(len(self.present))).astype(np.int64)
        within = drawn[volumes:].reshape(volumes, sections) % self.counts[chosen].astype(np.uint64)[:, None]
        rows = (self.first[chosen][:, None] + within.astype(np.int64)).ravel()
        index = torch.arange(volumes, device=self.volumes.device).repeat_interleave(sections)
        return self._batch(self.present[chosen], index, rows)

    def fixed(self, count: int, *key: object) -> Batch:
        """Choose at most `count` sections of all, grouped by volume; the same ones for the same key."""
        rows = np.sort(streams.permutation(len(self.volume), *key)[:count])
        present, index = np.unique(self.volume.cpu().numpy()[rows], return_inverse=True)
        return self._batch(present, torch.from_numpy(index).to(self.volumes.device), rows)

    def _batch(self, volumes: NDArray[Any], index: Tensor, rows: NDArray[np.int64]) -> Batch:
        where = torch.from_numpy(rows).to(self.volumes.device)
        chosen = self.volumes[torch.from_numpy(volumes.astype(np.int64)).to(self.volumes.device)]
        found = cut_and_label(chosen, index, self.centres[where], self.normals[where], self.grid)
        return Batch(chosen, index, found.pixels, found.labels)


def train(
    network: Network, feeds: tuple[SectionFeed, SectionFeed], schedule: Schedule, seed: int, curve: Path | None
) -> dict[str, NDArray[np.generic]]:
    """Train a network; gives the weights with the best validation score.

    Args:
        network: trained in place, on the device where it is.
        feeds: training and validation sections.
        schedule: how long and how.
        seed: number of the repetition.
        curve: file for the training curve, one JSON object per line.

    Raises:
        TrainingError: the loss became NaN or infinite.
    """
    training, validation = feeds
    optimizer = torch.optim.AdamW(_decayed(network, schedule.weight_decay), lr=schedule.learning_rate)
    rate = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda done: relative_rate(done, schedule.steps))
    generator = torch.Generator().manual_seed(streams.seed_of("training", seed) % 2**63)
    held_out = validation.fixed(schedule.val_sections, "validation sections")
    marks = {round(schedule.steps * (k + 1) / schedule.validations) for k in range(schedule.validations)}
    log = _CurveLog(curve)
    best, kept = -1.0, _weights(network)
    batch_size = schedule.batch_volumes * schedule.batch_sections
    with Progress(schedule.steps * batch_size, f"train seed {seed}", "section") as progress, log:
        for step in range(1, schedule.steps + 1):
            network.train()
            batch = training.draw(schedule.batch_volumes, schedule.batch_sections, "batch", seed, step)
            loss = network.loss(batch, generator)
            value = float(loss.detach())
            if not np.isfinite(value):
                msg = f"the loss became {value} at step {step} of {schedule.steps}; lower the learning rate"
                raise TrainingError(msg)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            rate.step()
            log.loss(value)
            if step in marks:
                score = validate(network, held_out)
                log.write(step, step * batch_size, score)
                if score > best:
                    best, kept = score, _weights(network)
            progress.advance(batch_size, f"loss {value:.3f}, best validation recall@1 {max(best, 0):.4f}")
    return kept


def relative_rate(done: int, steps: int) -> float:
    """Learning rate over its peak after `done` of `steps` steps: a linear rise over a tenth, then half a cosine."""
    rise = max(1, steps // 10)
    if done < rise:
        return (done + 1) / rise
    return 0.5 * (1 + math.cos(math.pi * (done - rise + 1) / (steps - rise + 1)))


def _decayed(network: Network, decay: float) -> list[dict[str, Any]]:
    matrices = [weight for weight in network.parameters() if weight.ndim >= 2]
    others = [weight for weight in network.parameters() if weight.ndim < 2]
    return [{"params": matrices, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]


def _weights(network: Network) -> dict[str, NDArray[np.generic]]:
    return {name: value.detach().cpu().numpy().copy() for name, value in network.state_dict().items()}


def validate(network: Network, batch: Batch) -> float:
    """Strict fine recall@1 over the labelled sections of a batch."""
    boxes = in_volumes(network, batch.volumes, batch.volume_index, batch.pixels)[1]
    correct = batch.labels.boxes.cpu().numpy()
    labelled = correct.any(axis=1)
    ranks, _ = first_correct(boxes[labelled], correct[labelled])
    return float((ranks == 1).mean()) if labelled.any() else 0.0


@torch.no_grad()
def in_volumes(
    network: Network, volumes: Tensor, volume_index: Tensor, pixels: Tensor, together: int = 8
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Scores of sections grouped by volume, a few volumes at a time.

    Args:
        network: the module.
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
        some = slice(int(low), int(high))
        part = network.scores(volumes[first : first + together], volume_index[some] - first, pixels[some])
        coarse.append(part[0].float().cpu().numpy())
        boxes.append(part[1].float().cpu().numpy())
    return np.concatenate(coarse), np.concatenate(boxes)


class _CurveLog:
    """Writes the training curve, a line at each validation."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.losses: list[float] = []
        self.stream: IO[str] | None = None
        self.start = time.monotonic()

    def __enter__(self) -> None:
        if self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.stream = self.path.open("w", encoding="utf-8")

    def loss(self, value: float) -> None:
        self.losses.append(value)

    def write(self, step: int, sections: int, score: float) -> None:
        row = {
            "step": step, "sections": sections, "seconds": round(time.monotonic() - self.start, 2),
            "train/loss": float(np.mean(self.losses)), "val/fine_recall@1": score,
        }  # fmt: skip
        self.losses.clear()
        if self.stream is not None:
            self.stream.write(json.dumps(row) + "\n")
            self.stream.flush()

    def __exit__(self, *_: object) -> None:
        if self.stream is not None:
            self.stream.close()
