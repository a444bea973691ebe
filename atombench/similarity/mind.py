"""Modality independent neighbourhood descriptor (Heinrich et al., Med Image Anal 16, 2012), for small 2D images."""

from __future__ import annotations

from typing import ClassVar

from array_api_compat import array_namespace

from atombench.similarity.measure import TINY, AnyArray
from atombench.similarity.ssd import Ssd

NEIGHBOURS = ((-1, 0), (1, 0), (0, -1), (0, 1))  # rows, columns


class Mind:
    """Minus the sum of squared differences of descriptors: how alike each patch is to its four neighbours in its own image.

    A patch has 3 x 3 pixels, and images are continued beyond their border. The descriptor of a neighbour is exp(-D / V), with
    D the mean squared difference of the two patches, and V the mean of D over the four neighbours; the largest is 1.
    """

    name: ClassVar[str] = "mind"

    def features(self, images: AnyArray) -> AnyArray:
        """Return the descriptors, one, and the sum of their squares, (N, 4 * W * W + 2)."""
        xp = array_namespace(images)
        stack = _moved(xp.permute_dims(images, (1, 2, 0)), 0, 0)  # (W, W, N): operations run over contiguous memory
        distances = [_smoothed((stack - _moved(stack, *step)) ** 2) for step in NEIGHBOURS]
        mean = sum(distances) / len(distances)
        found = [xp.exp(-distance / xp.clip(mean, TINY, None)) for distance in distances]
        largest = found[0]
        for other in found[1:]:
            largest = xp.maximum(largest, other)
        descriptors = xp.reshape(xp.stack([descriptor / largest for descriptor in found]), (-1, images.shape[0]))
        return Ssd().features(xp.permute_dims(descriptors, (1, 0))[:, :, None])

    def scores(self, first: AnyArray, second: AnyArray) -> AnyArray:
        """Return the similarity of all pairs, at most 0; (Q, C)."""
        return Ssd().scores(first, second)

    def ceilings(self, first: AnyArray) -> AnyArray:
        """Return 0, the score of equal descriptors; (Q,)."""
        return Ssd().ceilings(first)

    def sizes(self, first: AnyArray) -> AnyArray:
        """Return the squared lengths of descriptors; (Q,)."""
        return Ssd().sizes(first)

    def margins(self, first: AnyArray, largest: float) -> AnyArray:
        """Return bounds of rounding errors, (Q,); no descriptor exceeds 1."""
        return Ssd().margins(first, 1.0)


def _moved(images: AnyArray, rows: int, columns: int) -> AnyArray:
    """Return images (W, W, N) moved by at most one pixel along each axis; border pixels are repeated."""
    xp, width = array_namespace(images), images.shape[0]
    padded = xp.concat([images[:1], images, images[-1:]], axis=0)
    padded = xp.concat([padded[:, :1], padded, padded[:, -1:]], axis=1)
    return padded[1 + rows : 1 + rows + width, 1 + columns : 1 + columns + width]


def _smoothed(images: AnyArray) -> AnyArray:
    """Return the mean of the 3 x 3 pixels around each pixel; (W, W, N)."""
    columns = (_moved(images, 0, -1) + images + _moved(images, 0, 1)) / 3
    return (_moved(columns, -1, 0) + columns + _moved(columns, 1, 0)) / 3
