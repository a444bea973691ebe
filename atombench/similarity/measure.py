"""What a measure of similarity is: features of images, and scores of pairs of features.

Features depend on one image only, so that those of many candidates are computed once. Scores of most measures are products of
features, so that all pairs of two sets are one matrix product. Arrays are NumPy or torch, on any device.
"""

from __future__ import annotations

from typing import Any, ClassVar, Protocol

from array_api_compat import array_namespace

AnyArray = Any
"""An array of NumPy or torch."""
TINY = 1e-6
"""Length of centred pixels, or of gradients, below which an image counts as equal throughout."""


class Measure(Protocol):
    """A similarity of square images."""

    name: ClassVar[str]

    def features(self, images: AnyArray) -> AnyArray:
        """Return the features of images: (N, W, W) to (N, F), floating-point."""

    def scores(self, first: AnyArray, second: AnyArray) -> AnyArray:
        """Return the similarity of all pairs: (Q, F) and (C, F) to (Q, C); greater is more similar."""


def products(first: AnyArray, second: AnyArray) -> AnyArray:
    """Return the dot products of all pairs of rows: (Q, F) and (C, F) to (Q, C)."""
    return first @ array_namespace(second).permute_dims(second, (1, 0))


def flat(images: AnyArray) -> AnyArray:
    """Return images (N, W, W) as rows (N, W * W)."""
    return array_namespace(images).reshape(images, (images.shape[0], -1))


def unit_rows(rows: AnyArray) -> AnyArray:
    """Return rows (N, F) divided by their lengths; zeros for rows shorter than `TINY`."""
    xp = array_namespace(rows)
    length = xp.sqrt(xp.sum(rows * rows, axis=1, keepdims=True))
    return xp.where(length > TINY, rows / xp.clip(length, TINY, None), xp.zeros_like(rows))
