"""Baseline `forest`: a random forest over features of section and volume.

Random forest regression (Breiman, "Random Forests", Machine Learning 45, 2001) of the numbers of the pose (`pose_numbers`),
grown with scikit-learn. Answers are those of a quantile regression forest (Meinshausen, JMLR 7, 2006): in every tree, the
training sections in the leaf that a query falls into share its vote. Boxes and poses are weighted means over the training
sections.

Features are the section's pixels and statistics of them; with `volume`, also the matches of its intensities with 125 cells of
the volume, and the place of the largest of them (`features`). Weights are arrays, not a pickle: nodes of all trees, and the
leaf of each training section. Deviation: leaves count every training section, also those that the bootstrap of a tree left
out.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.sparse import csr_array

from atombench import streams
from atombench.engine import contract
from atombench.tasks.atom.geometry import BlockGrid
from atombench.tasks.atom.methods.classical import ClassicalMethod, ClassicalOptions, Examples, Memory, memory_of
from atombench.tasks.atom.methods.features import Inputs

SMOOTHING = 0.02  # weight of the shares of boxes among all training sections
TREE_ARRAYS: dict[str, Any] = {
    "children_left": np.int32,
    "children_right": np.int32,
    "feature": np.int32,
    "threshold": np.float64,
}


class ForestOptions(ClassicalOptions):
    """Options of `forest`."""

    trees: int = Field(default=100, ge=1)
    leaf: int = Field(default=5, ge=1, description="least number of training sections in a leaf")
    features: float = Field(default=0.1, gt=0, le=1, description="share of the features that are tried at each node")


class Forest(ClassicalMethod):
    """Random forest of poses."""

    Options = ForestOptions
    smoke = {**ClassicalMethod.smoke, "trees": 3}  # noqa: RUF012

    def learn(self, train: Examples, val: Examples, seed: int) -> dict[str, NDArray[Any]]:
        """Grow the trees, and keep the leaf of each training section in each tree."""
        from sklearn.ensemble import RandomForestRegressor

        options, features = self.options, self._features(train.inputs)
        grown = RandomForestRegressor(
            options.trees,
            min_samples_leaf=options.leaf,
            max_features=options.features,
            random_state=streams.seed_of("forest", seed) % 2**32,
        ).fit(features, train.numbers)
        trees = tree_arrays([estimator.tree_ for estimator in grown.estimators_])
        return {**trees, "leaves": leaves_of(trees, features), **vars(Memory.of(train))}

    def answer(self, weights: contract.Weights, inputs: Inputs, grid: BlockGrid) -> dict[str, NDArray[Any]]:
        """Return means over the training sections that share leaves with the query."""
        queried = leaves_of(weights, self._features(inputs))
        shared = shared_leaves(queried, np.asarray(weights["leaves"]), len(weights["feature"]))
        return memory_of(weights).answer(shared, SMOOTHING)

    def _features(self, inputs: Inputs) -> NDArray[np.float32]:
        """Return the features of sections; float32 (M, F)."""
        parts = [inputs.flat(), inputs.statistics()]
        if self.options.volume:
            parts.append(inputs.matches())
        return np.concatenate(parts, axis=1)


def tree_arrays(trees: list[Any]) -> dict[str, NDArray[Any]]:
    """Return the nodes of all trees of scikit-learn one after another, with children numbered accordingly, and their roots."""
    roots = np.cumsum([0, *(tree.node_count for tree in trees[:-1])]).astype(np.int32)
    arrays = {name: np.concatenate([getattr(tree, name) for tree in trees]).astype(kind) for name, kind in TREE_ARRAYS.items()}
    shift = np.repeat(roots, [tree.node_count for tree in trees])
    for name in ("children_left", "children_right"):
        arrays[name] = np.where(arrays[name] < 0, arrays[name], arrays[name] + shift)
    return {**arrays, "roots": roots}


def leaves_of(trees: contract.Weights, features: NDArray[np.float32]) -> NDArray[np.int32]:
    """Return the leaf that each row of features (M, F) falls into in each of T trees; (M, T)."""
    left, right, feature, threshold = (trees[name].astype(kind) for name, kind in TREE_ARRAYS.items())
    node = np.tile(trees["roots"].astype(np.int32), (len(features), 1))
    rows = np.arange(len(features))[:, None]
    while (inner := left[node] >= 0).any():
        below = features[rows, np.maximum(feature[node], 0)] <= threshold[node]
        node = np.where(inner, np.where(below, left[node], right[node]), node).astype(np.int32)
    return node


def shared_leaves(queried: NDArray[np.int32], known: NDArray[np.int32], nodes: int) -> csr_array:
    """Return the weight of each known row for each queried row, (M, N): the mean over trees of its share of the common leaf.

    Args:
        queried: leaves of queries, (M, T).
        known: leaves of training sections, (N, T).
        nodes: number of nodes of all trees.
    """
    sizes = np.bincount(known.ravel(), minlength=nodes)
    trees = queried.shape[1]

    def indicator(leaves: NDArray[np.int32], values: NDArray[np.float64]) -> csr_array:
        return csr_array((values.ravel(), leaves.ravel(), trees * np.arange(len(leaves) + 1)), shape=(len(leaves), nodes))

    members = indicator(known, np.ones(known.shape))
    return csr_array(indicator(queried, 1 / (trees * sizes[queried])) @ members.T)
