"""Baseline `pca-ridge`: principal components of the section, and ridge regression of the pose.

Principal component analysis followed by ridge regression (Hoerl and Kennard, "Ridge Regression", Technometrics 12, 1970),
both from scikit-learn. With `volume`, components of the volume (averaged to 10^3 voxels) and the products of both sets of
components are added: without products, a linear model could only shift all sections of a volume alike. Regressed are the
numbers of `pose_numbers`; the strength of the penalty is chosen on validation sections, by the squared error.

A regressed pose is a mean of possible poses and fits few boxes well. The probability of a box is therefore its share among
poses that differ from the regressed one by the errors that were made on validation sections.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from atombench.engine import contract
from atombench.tasks.atom.geometry import BOXES, BlockGrid, section_points
from atombench.tasks.atom.labels import label_sections
from atombench.tasks.atom.methods.classical import ClassicalMethod, ClassicalOptions, Examples
from atombench.tasks.atom.methods.features import Inputs
from atombench.tasks.atom.methods.pose_numbers import poses_of

Array = NDArray[np.float64]
PENALTIES = 10.0 ** np.arange(-1, 6)
ERRORS = 128  # validation errors that are kept
QUERIES_AT_ONCE = 64
SMALLEST = 1e-12  # variance


class PcaRidgeOptions(ClassicalOptions):
    """Options of `pca-ridge`."""

    components: int = Field(default=48, ge=1, description="principal components of the section")
    volume_components: int = Field(default=8, ge=1, description="principal components of the volume")


class PcaRidge(ClassicalMethod):
    """Linear regression of the pose."""

    Options = PcaRidgeOptions

    def learn(self, train: Examples, val: Examples, seed: int) -> dict[str, NDArray[Any]]:
        """Fit components and coefficients, and keep errors of validation sections."""
        from sklearn.linear_model import Ridge

        bases = principal(train.inputs.flat(), self.options.components, "section")
        if self.options.volume:
            bases |= principal(train.inputs.coarse, self.options.volume_components, "volume")
        known, held_out = (self._features(bases, part.inputs) for part in (train, val))
        fits = [Ridge(alpha=penalty).fit(known, train.numbers) for penalty in PENALTIES]
        errors = [val.numbers - fit.predict(held_out) for fit in fits]
        best = int(np.argmin([(error**2).mean() for error in errors]))
        kept = np.linspace(0, len(held_out) - 1, min(ERRORS, len(held_out))).astype(np.int64)
        return {
            **bases,
            "coefficients": fits[best].coef_,
            "intercept": fits[best].intercept_,
            "penalty": PENALTIES[[best]],
            "errors": errors[best][kept],
        }

    def answer(self, weights: contract.Weights, inputs: Inputs, grid: BlockGrid) -> dict[str, NDArray[Any]]:
        """Return regressed poses, and shares of boxes among poses nearby."""
        coefficients, intercept, errors = (weights[name].astype(np.float64) for name in ("coefficients", "intercept", "errors"))
        numbers = self._features(weights, inputs) @ coefficients.T + intercept
        centres, normals = poses_of(numbers)
        return {"boxes": box_shares(numbers, errors, grid), "centres": centres, "normals": normals}

    def _features(self, bases: contract.Weights, inputs: Inputs) -> Array:
        """Return components of sections (M, K) or, with the volume, (M, K + L + K L)."""
        section = projected(bases, inputs.flat(), "section")
        if not self.options.volume:
            return section
        volume = projected(bases, inputs.coarse, "volume")[inputs.volume_index]
        products = (section[:, :, None] * volume[:, None, :]).reshape(len(section), -1)
        return np.concatenate([section, volume, products], axis=1)


def principal(values: NDArray[Any], count: int, name: str) -> dict[str, NDArray[Any]]:
    """Return the mean (F,) and at most `count` directions (K, F) of values (M, F); components along them have variance 1."""
    from sklearn.decomposition import PCA

    fitted = PCA(min(count, *values.shape), svd_solver="full").fit(values.astype(np.float64))
    deviation = np.sqrt(np.maximum(fitted.explained_variance_, SMALLEST))
    varying = fitted.explained_variance_ > SMALLEST
    return {f"{name}_mean": fitted.mean_, f"{name}_directions": (fitted.components_ / deviation[:, None])[varying]}


def projected(bases: contract.Weights, values: NDArray[Any], name: str) -> Array:
    """Return the components (M, K) of values (M, F)."""
    return (values - bases[f"{name}_mean"].astype(np.float64)) @ bases[f"{name}_directions"].T.astype(np.float64)


def box_shares(numbers: Array, errors: Array, grid: BlockGrid) -> NDArray[np.float32]:
    """Return the share of errors (R, 12) after whose addition the pose `numbers` (M, 12) lies in each box; (M, 729)."""
    core, found = BlockGrid(grid.scale), np.empty((len(numbers), BOXES), dtype=np.float32)
    for first in range(0, len(numbers), QUERIES_AT_ONCE):
        rows = slice(first, first + QUERIES_AT_ONCE)
        possible = (numbers[rows, None] + errors).reshape(-1, numbers.shape[1])
        boxes = label_sections(section_points(*poses_of(possible), core), core).boxes
        found[rows] = boxes.reshape(-1, len(errors), BOXES).mean(axis=1)
    return found
