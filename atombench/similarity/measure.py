"""What a measure of similarity is: features of images, and scores of pairs of features.

Features depend on one image only, so that those of many candidates are computed once. Scores of most measures are products of
features, so that all pairs of two sets are one matrix product. Arrays are NumPy or torch, on any device. Features may have
more axes in front, such as (..., N, F); scores then compare the sets with the same indices.

A search computes scores in single precision first. `margins` says how far they may be from exact ones, so that no candidate is
missed, and `ceilings` which scores cannot be exceeded, so that it may stop. `sizes` says what counts as equal.
"""

from __future__ import annotations

from typing import Any, ClassVar, Protocol

from array_api_compat import array_namespace

AnyArray = Any
"""An array of NumPy or torch."""
UNIT = 2.0**-24
"""Unit roundoff of float32."""
TINY = 1e-6
"""Length of centred pixels, or of gradients, below which an image counts as equal throughout."""


class Measure(Protocol):
    """A similarity of square images."""

    name: ClassVar[str]

    def features(self, images: AnyArray) -> AnyArray:
        """Return the features of images: (N, W, W) to (N, F), floating-point."""

    def scores(self, first: AnyArray, second: AnyArray) -> AnyArray:
        """Return the similarity of all pairs: (Q, F) and (C, F) to (Q, C); greater is more similar."""

    def ceilings(self, first: AnyArray) -> AnyArray:
        """Return scores that no image exceeds, given the features (Q, F) of the others; (Q,)."""

    def sizes(self, first: AnyArray) -> AnyArray:
        """Return the size of scores of similar images, given features (Q, F); equality of scores is relative to it; (Q,)."""

    def margins(self, first: AnyArray, largest: float) -> AnyArray:
        """Return how much scores change at most if features are rounded to float32 and compared in float32; (Q,).

        Args:
            first: features (Q, F), in float64.
            largest: largest absolute pixel of the images that they are compared with.
        """


def products(first: AnyArray, second: AnyArray) -> AnyArray:
    """Return the dot products of all pairs of rows: (..., Q, F) and (..., C, F) to (..., Q, C)."""
    return first @ array_namespace(second).matrix_transpose(second)


def product_margin(features: int) -> float:
    """Return the largest relative error of a dot product in float32, of rows that are rounded to float32.

    The error is relative to the product of absolute values. Each of the F products is rounded three times and takes part in
    at most F - 1 sums (Higham, Accuracy and Stability of Numerical Algorithms, 2002, section 3.1).
    """
    return UNIT * (features + 2) * 1.01


def flat(images: AnyArray) -> AnyArray:
    """Return images (N, W, W) as rows (N, W * W)."""
    return array_namespace(images).reshape(images, (images.shape[0], -1))


def unit_rows(rows: AnyArray) -> AnyArray:
    """Return rows (N, F) divided by their lengths; zeros for rows shorter than `TINY`."""
    xp = array_namespace(rows)
    length = xp.sqrt(xp.sum(rows * rows, axis=1, keepdims=True))
    return xp.where(length > TINY, rows / xp.clip(length, TINY, None), xp.zeros_like(rows))
