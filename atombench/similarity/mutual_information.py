"""Mutual information of pixels (Viola and Wells, Int J Comput Vis 24, 1997), from joint histograms with few bins."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from array_api_compat import array_namespace

from atombench.similarity.measure import TINY, UNIT, AnyArray, flat, products


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
        parts, count = self._parts(first), first.shape[-1] // self.bins
        total = self._entropies(first)[..., :, None] + self._entropies(second)[..., None, :]
        for one in parts:
            for other in parts:
                total = total + _plogp(products(first[..., one], second[..., other]) / count)
        return total

    def ceilings(self, first: AnyArray) -> AnyArray:
        """Return the entropies of images, (Q,)."""
        return self._entropies(first)

    def sizes(self, first: AnyArray) -> AnyArray:
        """Return 1; (Q,)."""
        return 0 * first[:, 0] + 1

    def margins(self, first: AnyArray, largest: float) -> AnyArray:
        """Return bounds of rounding errors, (Q,).

        A sum of bins^2 + 2 bins terms is at most 4 log(bins); each term p log p is rounded fewer than eight times.
        """
        terms = self.bins**2 + 2 * self.bins
        return 0 * first[:, 0] + 4 * math.log(self.bins + 1) * (terms + 8) * UNIT

    def _parts(self, rows: AnyArray) -> list[slice]:
        """Return the features of each bin."""
        count = rows.shape[-1] // self.bins
        return [slice(bin_ * count, (bin_ + 1) * count) for bin_ in range(self.bins)]

    def _entropies(self, rows: AnyArray) -> AnyArray:
        """Return the entropy of images with features (..., N, F) in nats, (..., N)."""
        xp = array_namespace(rows)
        return -sum(_plogp(xp.mean(rows[..., part], axis=-1)) for part in self._parts(rows))


def _plogp(share: AnyArray) -> AnyArray:
    """Return p log p, and 0 for p = 0."""
    xp = array_namespace(share)
    return share * xp.log(xp.clip(share, 1e-12, None))
