"""Normalised gradient fields (Haber and Modersitzki, MICCAI 2006): edges in the same direction, whatever their contrast."""

from __future__ import annotations

import math
from typing import ClassVar

from array_api_compat import array_namespace

from atombench.similarity.measure import TINY, AnyArray, flat, product_margin, products


class NormalisedGradientFields:
    """Mean squared cosine between the gradients of two images; gradients that are weak in their image count less.

    With n = grad I / sqrt(|grad I|^2 + e^2), and e the mean length of the gradients of the image, a pixel scores (n.m)^2. This
    is the dot product of (n_x^2, n_y^2, sqrt(2) n_x n_y), so that all pairs are a matrix product.
    """

    name: ClassVar[str] = "gradient-fields"

    def features(self, images: AnyArray) -> AnyArray:
        """Return products of the normalised gradient's components, (N, 3 * W * W)."""
        xp = array_namespace(images)
        down, across = gradient(images, 1), gradient(images, 2)
        squared = down * down + across * across
        noise = xp.mean(xp.sqrt(squared), axis=(1, 2), keepdims=True)
        norm = xp.sqrt(xp.clip(squared + noise * noise, TINY**2, None))
        n, m = down / norm, across / norm
        weight = 1 / math.sqrt(images.shape[1] * images.shape[2])  # of each side: the product is the mean over all pixels
        return xp.concat([flat(n * n) * weight, flat(m * m) * weight, flat(n * m) * (weight * math.sqrt(2))], axis=1)

    def scores(self, first: AnyArray, second: AnyArray) -> AnyArray:
        """Return the similarity of all pairs, 0 to 1; (Q, C)."""
        return products(first, second)

    def ceilings(self, first: AnyArray) -> AnyArray:
        """Return the mean of |n|^2, which is never exceeded as |m| is at most 1; (Q,)."""
        count = first.shape[1] // 3
        return array_namespace(first).sum(first[:, : 2 * count], axis=1) / math.sqrt(count)

    def sizes(self, first: AnyArray) -> AnyArray:
        """Return 1; (Q,)."""
        return 0 * first[:, 0] + 1

    def margins(self, first: AnyArray, largest: float) -> AnyArray:
        """Return bounds of rounding errors, (Q,); features have at most length 1."""
        return 0 * first[:, 0] + product_margin(first.shape[1])


def gradient(images: AnyArray, axis: int) -> AnyArray:
    """Return the derivative along an axis: central differences, one-sided at the border; (N, W, W)."""
    xp = array_namespace(images)
    ahead = xp.concat([_part(images, axis, 1, None), _part(images, axis, -1, None)], axis=axis)
    behind = xp.concat([_part(images, axis, 0, 1), _part(images, axis, 0, -1)], axis=axis)
    difference = ahead - behind
    inner = _part(difference, axis, 1, -1) / 2
    return xp.concat([_part(difference, axis, 0, 1), inner, _part(difference, axis, -1, None)], axis=axis)


def _part(images: AnyArray, axis: int, start: int, stop: int | None) -> AnyArray:
    return images[:, start:stop] if axis == 1 else images[:, :, start:stop]
