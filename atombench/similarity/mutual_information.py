"""Mutual information of pixels (Viola and Wells, Int J Comput Vis 24, 1997), from joint histograms with few bins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from array_api_compat import array_namespace, device

from atombench.similarity.measure import TINY, AnyArray, flat, products


@dataclass(frozen=True)
class MutualInformation:
    """Mutual information in nats: for contrasts without any functional relation.

    Attributes:
        bins: equal bins between the smallest and the largest pixel of each image; few, as small images have few pixels.
    """

    bins: int = 4

    name: ClassVar[str] = "mutual-information"

    def features(self, images: AnyArray) -> AnyArray:
        """Return the membership of pixels in bins, 0 or 1; (N, bins * W * W)."""
        pixels = flat(images)
        xp = array_namespace(pixels)
        low = xp.min(pixels, axis=1, keepdims=True)
        width = xp.max(pixels, axis=1, keepdims=True) - low
        scaled = xp.where(width > TINY, (pixels - low) / xp.clip(width, TINY, None), xp.zeros_like(pixels))
        number = xp.clip(xp.floor(scaled * self.bins), 0, self.bins - 1)
        of_bin = [xp.astype(number == bin_, pixels.dtype) for bin_ in range(self.bins)]
        return xp.concat(of_bin, axis=1)

    def scores(self, first: AnyArray, second: AnyArray) -> AnyArray:
        """Return the mutual information of all pairs, (Q, C)."""
        xp, count = array_namespace(first), first.shape[1] // self.bins
        parts = [slice(bin_ * count, (bin_ + 1) * count) for bin_ in range(self.bins)]
        total = xp.zeros((first.shape[0], second.shape[0]), dtype=first.dtype, device=device(first))
        for one in parts:
            for other in parts:
                total = total + _plogp(products(first[:, one], second[:, other]) / count)
        for rows, axes in ((first, (slice(None), None)), (second, (None, slice(None)))):
            for part in parts:
                total = total - _plogp(xp.mean(rows[:, part], axis=1))[axes]
        return total


def _plogp(share: AnyArray) -> AnyArray:
    """Return p log p, and 0 for p = 0."""
    xp = array_namespace(share)
    return share * xp.log(xp.clip(share, 1e-12, None))
