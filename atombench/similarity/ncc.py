"""Normalised cross-correlation (Pearson's correlation of pixels), signed and absolute."""

from __future__ import annotations

from typing import ClassVar

from array_api_compat import array_namespace

from atombench.similarity.measure import AnyArray, flat, product_margin, products, unit_rows


class Ncc:
    """Correlation of pixels: unchanged by brightness and by positive contrast. It is 0 if an image is equal throughout."""

    name: ClassVar[str] = "ncc"

    def features(self, images: AnyArray) -> AnyArray:
        """Return pixels with mean 0 and length 1, (N, W * W)."""
        pixels = flat(images)
        return unit_rows(pixels - array_namespace(pixels).mean(pixels, axis=1, keepdims=True))

    def scores(self, first: AnyArray, second: AnyArray) -> AnyArray:
        """Return the correlations of all pairs, (Q, C)."""
        return products(first, second)

    def ceilings(self, first: AnyArray) -> AnyArray:
        """Return 1, or 0 for images that are equal throughout; (Q,)."""
        return array_namespace(first).sum(first * first, axis=1)

    def sizes(self, first: AnyArray) -> AnyArray:
        """Return 1; (Q,)."""
        return 0 * first[:, 0] + 1

    def margins(self, first: AnyArray, largest: float) -> AnyArray:
        """Return bounds of rounding errors, (Q,); features have at most length 1."""
        return 0 * first[:, 0] + product_margin(first.shape[1])


class AbsoluteNcc(Ncc):
    """Absolute correlation of pixels: for a contrast that may be reversed."""

    name: ClassVar[str] = "absolute-ncc"

    def scores(self, first: AnyArray, second: AnyArray) -> AnyArray:
        """Return the absolute correlations of all pairs, (Q, C)."""
        return abs(products(first, second))
