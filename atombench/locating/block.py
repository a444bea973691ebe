"""Sections of one block: parallel planes, at known distances or not, support each other's poses.

A pose of one section is supported by those of another section that are parallel to it, lie within its reach and, if sections
are evenly spaced, at the right distance. As few pairs of poses agree by chance, a pair that agrees is that much more likely.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from atombench.locating.planes import Planes

LEAST = 1e-9  # probability of what is all but impossible
MOST_GAIN = np.log(10)  # by which others may raise the odds; neighbours look alike, so that their wrong poses agree, too
TILT = np.radians(10)  # largest angle between planes that count as parallel
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Block:
    """How the sections of a block lie to each other.

    Attributes:
        spacing: distance of neighbouring sections in mm, in the order given, in either direction; None if unknown.
        near: largest error of a distance in mm.
        reach: largest distance of centres within the plane in mm.
        depth: extent of the organ in mm; from it follows how often distances agree by chance.
    """

    spacing: float | None
    near: float
    reach: float
    depth: float

    @property
    def chance(self) -> float:
        """Share of pairs of poses that agree by chance."""
        parallel = 1 - float(np.cos(TILT))
        return parallel if self.spacing is None else parallel * min(1.0, 4 * self.near / self.depth)

    def agree(self, first: Planes, second: Planes, steps: int) -> NDArray[np.bool_]:
        """Return which poses of a section agree with which of another one, `steps` sections further; (N, M)."""
        normals = first.axes[:, :, 2]
        parallel = np.abs(normals @ second.axes[:, :, 2].T) >= np.cos(TILT)
        between = second.centres[None] - first.centres[:, None]  # (N, M, 3)
        across = np.einsum("nmi,ni->nm", between, normals)
        within = np.sqrt(np.clip((between**2).sum(axis=2) - across**2, 0, None)) <= self.reach
        at_distance = self.spacing is None or np.abs(np.abs(across) - abs(steps) * self.spacing) <= self.near
        found: NDArray[np.bool_] = parallel & within & at_distance
        return found

    def predicted(self, planes: Planes, steps: int) -> Planes:
        """Return where a section `steps` further lies, for each pose of a section and both directions; 2 N poses.

        Raises:
            ValueError: the spacing is unknown.
        """
        if self.spacing is None:
            msg = "expected a known spacing"
            raise ValueError(msg)
        move = steps * self.spacing * planes.axes[:, :, 2]
        centres = np.concatenate([planes.centres + move, planes.centres - move])
        return Planes(centres, np.concatenate([planes.axes] * 2), np.full(len(centres), -np.inf))


def joint_probabilities(planes: Sequence[Planes], probabilities: Sequence[Array], block: Block) -> list[Array]:
    """Return the probabilities of the poses of each section, given those of the others; (N,) each.

    A pose is as likely as its own probability times, for each other section, that of the best pose that agrees with it, divided
    by the share that agrees by chance; or, if greater, times the probability that the other's pose was not found. All others
    together raise its odds by no more than `MOST_GAIN`.

    Args:
        planes: distinct poses of each section.
        probabilities: probability of each pose from its section alone.
        block: how sections lie to each other.
    """
    return [_given_others(planes, probabilities, block, number) for number in range(len(planes))]


def _given_others(planes: Sequence[Planes], probabilities: Sequence[Array], block: Block, number: int) -> Array:
    own, gains = probabilities[number], np.zeros(len(planes[number]))
    for other, (poses, theirs) in enumerate(zip(planes, probabilities, strict=True)):
        if other != number:
            agreeing = block.agree(planes[number], poses, other - number)
            best = np.where(agreeing, theirs[None], 0).max(axis=1, initial=0)
            gains += np.log(np.maximum(best / block.chance, max(1 - theirs.sum(), LEAST)))
    logs = np.append(np.log(np.maximum(own, LEAST)) + np.minimum(gains, MOST_GAIN), np.log(max(1 - own.sum(), LEAST)))
    return np.asarray(softmax(logs)[:-1], np.float64)
