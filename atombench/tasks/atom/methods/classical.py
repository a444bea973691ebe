"""Base of the classical baselines: options, examples to learn from, and answers from weighted training sections."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.sparse import csr_array
from threadpoolctl import threadpool_limits

from atombench.engine import contract
from atombench.tasks.atom.geometry import BOXES, BlockGrid
from atombench.tasks.atom.learning.feed import Batch, SectionFeed
from atombench.tasks.atom.methods.features import Inputs
from atombench.tasks.atom.methods.pose_numbers import numbers_of, poses_of
from atombench.tasks.atom.queries import Queries
from atombench.tasks.atom.training import Training

Array = NDArray[np.float64]
BATCH = 16  # volumes of a batch of damaged sections, and sections of each
QUERIES_AT_ONCE = 512
SMALLEST = 1e-9  # share of boxes, so that its log is finite


class ClassicalOptions(contract.Options):
    """Options of every classical baseline."""

    volume: bool = Field(default=True, description="use features of the volume, too; otherwise of the section only")
    train_sections: int = Field(default=8192, ge=1, description="most training sections that are learned from")
    val_sections: int = Field(default=1024, ge=1, description="validation sections that hyper-parameters are chosen on")
    damage: int = Field(
        default=0, ge=0, le=5, description="highest severity of histology damage to the training sections; 0 for none"
    )


@dataclass(frozen=True)
class Examples:
    """Sections to learn from (M): inputs, numbers of the poses (M, 12), and correct boxes, bool (M, 729)."""

    inputs: Inputs
    numbers: Array
    boxes: NDArray[np.bool_]


class ClassicalMethod(ABC):
    """A method that learns arrays from examples on the CPU; subclasses define what."""

    Options: ClassVar[type[ClassicalOptions]] = ClassicalOptions
    smoke: ClassVar[dict[str, Any]] = {"train_sections": 200, "val_sections": 64}

    def __init__(self, options: Any) -> None:
        self.options = options

    @abstractmethod
    def learn(self, train: Examples, val: Examples, seed: int) -> dict[str, NDArray[Any]]:
        """Return the learned arrays."""

    @abstractmethod
    def answer(self, weights: contract.Weights, inputs: Inputs, grid: BlockGrid) -> dict[str, NDArray[Any]]:
        """Return boxes (M, 729), centres (M, 3) and normals (M, 3)."""

    def fit(self, training: Training, resources: contract.Resources) -> contract.Weights:
        """Draw training and validation sections, damaged as for networks, and learn from them."""
        options, grid = self.options, training.grid
        parts = (training.train, training.val)
        train, val = (SectionFeed(training.volumes, part, grid, "cpu", options.damage) for part in parts)
        with threadpool_limits(resources.threads):
            batches: Iterable[Batch] = [train.fixed(options.train_sections, "training sections")]
            if options.damage:
                steps = range(1, 1 + -(-options.train_sections // BATCH**2))
                batches = train.batches(BATCH, BATCH, 0, steps)
            held_out = val.fixed(options.val_sections, "validation sections")
            return self.learn(examples(batches, grid), examples([held_out], grid), resources.seed)

    def predict(self, weights: contract.Weights, queries: Queries, resources: contract.Resources) -> contract.Answers:
        """Return boxes and poses."""
        with threadpool_limits(resources.threads):
            inputs = Inputs.of(queries.volumes, queries.volume_index, queries.pixels, queries.grid)
            answers = self.answer(weights, inputs, queries.grid)
        about = {"parameters": sum(array.size for array in weights.values())}
        return contract.Answers.of(answers, probabilities=True, about=about)


def examples(batches: Iterable[Batch], grid: BlockGrid) -> Examples:
    """Describe batches of sections."""
    inputs, numbers, boxes = [], [], []
    for batch in batches:
        index = batch.volume_index.numpy().astype(np.int64)
        inputs.append(Inputs.of(batch.volumes.numpy(), index, batch.pixels.numpy(), grid))
        numbers.append(numbers_of(batch.centres.double().numpy(), batch.normals.double().numpy(), grid))
        boxes.append(batch.labels.boxes.numpy())
    return Examples(Inputs.joined(inputs), np.concatenate(numbers), np.concatenate(boxes))


@dataclass(frozen=True)
class Memory:
    """Training sections whose weighted means are answers: packed boxes uint8 (N, 92) and numbers of poses float32 (N, 12)."""

    boxes: NDArray[np.uint8]
    numbers: NDArray[np.float32]

    @classmethod
    def of(cls, train: Examples) -> Memory:
        """Keep the boxes and poses of training sections."""
        return cls(np.packbits(train.boxes, axis=1), train.numbers.astype(np.float32))

    def answer(self, weights: csr_array, smoothing: float) -> dict[str, NDArray[Any]]:
        """Return the weighted shares of boxes and the weighted mean poses.

        Args:
            weights: (M, N), weight of each training section for each query; rows sum to 1.
            smoothing: weight of the shares of boxes among all training sections, so that no box has probability 0.
        """
        boxes = np.unpackbits(self.boxes, axis=1, count=BOXES).astype(np.float32)
        prior = boxes.mean(axis=0)
        found = np.empty((weights.shape[0], BOXES), dtype=np.float32)
        for first in range(0, len(found), QUERIES_AT_ONCE):
            rows = slice(first, first + QUERIES_AT_ONCE)
            found[rows] = (1 - smoothing) * (weights[rows] @ boxes) + smoothing * prior
        centres, normals = poses_of(weights @ self.numbers.astype(np.float64))
        return {"boxes": np.clip(found, 0, 1), "centres": centres, "normals": normals}


def memory_of(weights: contract.Weights) -> Memory:
    """Return the memory among the learned arrays of a method."""
    return Memory(weights["boxes"].astype(np.uint8), weights["numbers"].astype(np.float32))


def mean_log(boxes: NDArray[np.float32], correct: NDArray[np.bool_]) -> float:
    """Return the mean log of the scores, scaled to sum 1, of all correct boxes together, over sections that have one."""
    labelled = correct.any(axis=1)
    share = (boxes * correct).sum(axis=1)[labelled] / boxes.sum(axis=1)[labelled]
    return float(np.log(share + SMALLEST).mean()) if labelled.any() else 0.0
