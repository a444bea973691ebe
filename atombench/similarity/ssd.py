"""Sum of squared differences."""

from __future__ import annotations

from typing import ClassVar

from array_api_compat import array_namespace

from atombench.similarity.measure import AnyArray, flat, products


class Ssd:
    """Minus the sum of squared differences of pixels: for images of one contrast."""

    name: ClassVar[str] = "ssd"

    def features(self, images: AnyArray) -> AnyArray:
        """Return pixels and the sum of their squares, (N, W * W + 1)."""
        pixels = flat(images)
        xp = array_namespace(pixels)
        return xp.concat([pixels, xp.sum(pixels * pixels, axis=1, keepdims=True)], axis=1)

    def scores(self, first: AnyArray, second: AnyArray) -> AnyArray:
        """Return 2 a.b - |a|^2 - |b|^2 for all pairs, (Q, C)."""
        return 2 * products(first[:, :-1], second[:, :-1]) - first[:, -1:] - second[:, -1][None, :]
