"""Sum of squared differences."""

from __future__ import annotations

from typing import ClassVar

from array_api_compat import array_namespace

from atombench.similarity.measure import AnyArray, flat, product_margin, products

SMALLEST = 1e-200  # sum of squared pixels of an image that counts as empty; ripples of resampling reach 1e-55


class Ssd:
    """Minus the sum of squared differences of pixels: for images of one contrast.

    It is -|a - b|^2 = 2 a.b - |a|^2 - |b|^2, the product of (2 a, -|a|^2, -1) and (b, 1, |b|^2), so that all pairs are one
    matrix product.
    """

    name: ClassVar[str] = "ssd"

    def features(self, images: AnyArray) -> AnyArray:
        """Return pixels, one, and the sum of squared pixels, (N, W * W + 2)."""
        pixels = flat(images)
        xp = array_namespace(pixels)
        return xp.concat([pixels, xp.ones_like(pixels[:, :1]), xp.sum(pixels * pixels, axis=1, keepdims=True)], axis=1)

    def scores(self, first: AnyArray, second: AnyArray) -> AnyArray:
        """Return 2 a.b - |a|^2 - |b|^2 for all pairs, (Q, C)."""
        xp = array_namespace(first)
        return products(xp.concat([2 * first[..., :-2], -first[..., -1:], -first[..., -2:-1]], axis=-1), second)

    def ceilings(self, first: AnyArray) -> AnyArray:
        """Return 0, the score of equal images; (Q,)."""
        return 0 * first[:, 0]

    def sizes(self, first: AnyArray) -> AnyArray:
        """Return |a|^2, (Q,): the faintest ripple of resampling is still told apart from another one."""
        return array_namespace(first).clip(first[:, -1], SMALLEST, None)

    def margins(self, first: AnyArray, largest: float) -> AnyArray:
        """Return bounds of rounding errors, (Q,); 2 |a|.|b| is at most |a|^2 + |b|^2."""
        count = first.shape[1]
        return 2 * product_margin(count) * (first[:, -1] + (count - 2) * largest**2)
