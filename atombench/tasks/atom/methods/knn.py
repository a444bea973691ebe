"""Baseline `knn`: the training sections that look most alike decide.

k nearest neighbours (Cover and Hart, "Nearest Neighbor Pattern Classification", IEEE Trans Inf Theory 13, 1967) by the
Euclidean distance of standardised pixels; with `volume`, also of the matches of the section's intensities with 125 cells of
its volume (`features`), which together count `match_weight` times as much as all pixels. k is chosen on validation sections,
by the log probability of their correct boxes. The probability of a box is the share of neighbours in it, smoothed as if one
more neighbour had the shares of all training sections; the pose is the mean of the neighbours' poses (`pose_numbers`).

Scikit-learn's `KNeighborsRegressor` gives the same means; the distances are computed here because the weights of a method are
plain arrays. At most `train_sections` training sections are kept.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.sparse import csr_array

from atombench.engine import contract
from atombench.tasks.atom.geometry import BlockGrid
from atombench.tasks.atom.methods.classical import (
    QUERIES_AT_ONCE,
    ClassicalMethod,
    ClassicalOptions,
    Examples,
    Memory,
    mean_log,
    memory_of,
)
from atombench.tasks.atom.methods.features import Inputs

Array = NDArray[np.float32]
NEIGHBOURS = (4, 8, 16, 32, 64, 128)  # numbers of neighbours that are tried
FLAT = 1e-6  # deviation below which a feature counts as constant


class KnnOptions(ClassicalOptions):
    """Options of `knn`."""

    match_weight: float = Field(default=1.0, ge=0, description="weight of the matches with the volume relative to the pixels")


class Knn(ClassicalMethod):
    """Nearest training sections."""

    Options = KnnOptions

    def learn(self, train: Examples, val: Examples, seed: int) -> dict[str, NDArray[Any]]:
        """Keep standardised features of training sections, and choose k."""
        groups = self._groups(train.inputs)
        shares = [(1.0, groups[0].shape[1])] + [(self.options.match_weight, group.shape[1]) for group in groups[1:]]
        weight = np.concatenate([np.full(size, np.sqrt(share / size)) for share, size in shares])
        features = np.concatenate(groups, axis=1)
        mean, deviation = features.mean(axis=0), features.std(axis=0)
        factor = np.where(deviation > FLAT, weight / np.maximum(deviation, FLAT), 0).astype(np.float32)
        memory = Memory.of(train)
        learned = {"mean": mean, "factor": factor, "features": (features - mean) * factor}
        most = self._nearest(learned, val.inputs, min(max(NEIGHBOURS), len(features)))
        tried = [k for k in NEIGHBOURS if k <= most.shape[1]] or [most.shape[1]]
        fits = [mean_log(_answer(memory, most[:, :k])["boxes"], val.boxes) for k in tried]
        return {**learned, "neighbours": np.array([tried[int(np.argmax(fits))]]), **vars(memory)}

    def answer(self, weights: contract.Weights, inputs: Inputs, grid: BlockGrid) -> dict[str, NDArray[Any]]:
        """Return the mean boxes and poses of the nearest training sections."""
        return _answer(memory_of(weights), self._nearest(weights, inputs, int(weights["neighbours"][0])))

    def _groups(self, inputs: Inputs) -> list[Array]:
        return [inputs.flat(), inputs.matches()] if self.options.volume else [inputs.flat()]

    def _nearest(self, weights: contract.Weights, inputs: Inputs, count: int) -> NDArray[np.int64]:
        """Return the rows of the nearest training sections, nearest first; (M, count)."""
        mean, factor, kept = (weights[name].astype(np.float32) for name in ("mean", "factor", "features"))
        queried = (np.concatenate(self._groups(inputs), axis=1) - mean) * factor
        squared, found = (kept**2).sum(axis=1), np.empty((len(queried), count), dtype=np.int64)
        for first in range(0, len(queried), QUERIES_AT_ONCE):
            distances = squared - 2 * queried[first : first + QUERIES_AT_ONCE] @ kept.T
            found[first : first + QUERIES_AT_ONCE] = np.argsort(distances, axis=1, kind="stable")[:, :count]
        return found


def _answer(memory: Memory, nearest: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    """Return the answer from the rows of the nearest training sections (M, k)."""
    rows, k = nearest.shape
    starts = k * np.arange(rows + 1)
    weights = csr_array((np.full(nearest.size, 1 / k), nearest.ravel(), starts), shape=(rows, len(memory.boxes)))
    return memory.answer(weights, smoothing=1 / (k + 1))
