"""Samplers of section poses: the choice of one, and the released sampler with its hard or easy normals.

The gathering selects the sampler of a board: `hard` and `easy` the released one, the others those of
`atombench.tasks.atom.uniform`, which favour no position and no octant. The split rule determines whether the parts (train,
val, test) have separate volumes and positions; `atombench.tasks.atom.splits` chooses the volumes.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from atombench import streams
from atombench.engine.secret_key import read_key
from atombench.errors import ConfigError, unknown_name
from atombench.tasks.atom.board import GATHERINGS, OLD_UNIFORM, SPLIT_RULES, check_split
from atombench.tasks.atom.geometry import BlockGrid
from atombench.tasks.atom.poses import Poses
from atombench.tasks.atom.protocol import FIRST
from atombench.tasks.atom.secret import is_secret, public_gathering
from atombench.tasks.atom.uniform import OldUniformSampler, TissueSampler, UniformSampler, Voxels
from atombench.volumes.volume_set import SPLITS

RELEASED_SEED = 3407
CODES_PER_AXIS = 17
CODES_DRAWN = 50
LOWEST_POSITION = 2
DEPTHS = 4
HIGHEST_COMPONENT = 9
REDRAWS = 8  # normals drawn per section; all are zero with probability 10^-24
VOL_POSITIONS = 8  # of validation and of test, if all parts share their volumes

VARIANTS = ("medmnist", "adni")


class Sampler(Protocol):
    """Draws the poses of any part and volume, independently of the order of calls."""

    @property
    def counts(self) -> dict[str, int]:
        """Sections per volume in each part; of `tissue` the most that a volume has."""

    def draw(self, part: str, volume: str) -> Poses:
        """Return the poses of one volume's sections."""


UNIFORM: dict[str, Callable[[str, BlockGrid, str], Sampler]] = {"uniform": UniformSampler, OLD_UNIFORM: OldUniformSampler}


def sampler(
    gathering: str, split: str, dataset: str, grid: BlockGrid, variant: str = "medmnist", voxels: Voxels | None = None
) -> Sampler:
    """Return the sampler of a gathering under a split rule.

    Args:
        gathering: one of `GATHERINGS`.
        split: one of `SPLIT_RULES`.
        dataset: name of the dataset, which is part of the key of every stream.
        grid: scale of the volumes.
        variant: generator of the released code that draws the positions (hard and easy only).
        voxels: returns the voxels of a volume by its name (needed to draw `tissue`).

    Raises:
        ConfigError: the gathering, the split rule or the variant is unknown (the nearest is suggested), the gathering has no
            such split, or the board is secret and the key is missing.
    """
    for kind, name, valid in (
        ("gathering", gathering, GATHERINGS),
        ("split rule", split, SPLIT_RULES),
        ("sampler variant", variant, VARIANTS),
    ):
        if name not in valid:
            raise ConfigError(unknown_name(kind, name, valid))
    check_split(gathering, split)
    if is_secret(gathering):
        public = public_gathering(gathering)
        keyed = sampler(public, split, f"{dataset} {read_key()}", grid, variant, voxels)
        return SecretSampler(sampler(public, split, dataset, grid, variant, voxels), keyed)
    if gathering == "tissue":
        return TissueSampler(dataset, grid, split, voxels or _no_voxels)
    if gathering in UNIFORM:
        return UNIFORM[gathering](dataset, grid, split)
    return ReleasedSampler(dataset, gathering, split, released_positions(split, variant, grid.scale))


def _no_voxels(volume: str) -> NDArray[np.float32]:
    msg = f"{volume}: sections that show tissue can be drawn only with the voxels"
    raise ValueError(msg)


@dataclass(frozen=True)
class SecretSampler:
    """A sampler that draws test poses from streams with a secret key; training and validation poses are public."""

    public: Sampler
    keyed: Sampler = field(repr=False)

    @property
    def counts(self) -> dict[str, int]:
        """Sections per volume in each part."""
        return self.public.counts

    def draw(self, part: str, volume: str) -> Poses:
        """Return the poses of one volume's sections."""
        return (self.keyed if part == "test" else self.public).draw(part, volume)


@dataclass(frozen=True)
class ReleasedSampler:
    """The sampler of the released code: the same few positions in every volume, and a random normal for each section.

    Attributes:
        dataset, gathering, split: coordinates of the board.
        centres: positions of each part, (n, 3).
    """

    dataset: str
    gathering: str
    split: str
    centres: dict[str, NDArray[np.int16]]

    @property
    def counts(self) -> dict[str, int]:
        """Sections per volume in each part."""
        return {part: len(centres) for part, centres in self.centres.items()}

    def draw(self, part: str, volume: str) -> Poses:
        """Return the poses of one volume's sections; if parts share volumes, they read consecutive segments of its stream."""
        parts = SPLITS[: SPLITS.index(part)] if self.split == "vol" else ()
        first, count = sum(self.counts[earlier] for earlier in parts), self.counts[part]
        normals = hard_normals if self.gathering == "hard" else easy_normals
        return Poses(self.centres[part], normals(first + count, self.dataset, volume)[first:])


def released_positions(split: str = "none", variant: str = "medmnist", scale: int = 1) -> dict[str, NDArray[np.int16]]:
    """Return the centres of the released sampler for each part, the same for every volume; (n, 3), multiplied by the scale.

    `none`: a separate draw for each part. `pos`: the training positions for all parts. `vol`: the training positions, then the
    first eight of the validation draw and the first eight of the test draw that no earlier part contains.
    """
    drawn, depths = _released_draws(variant)
    if split == "pos":
        drawn = dict.fromkeys(SPLITS, drawn["train"])
    if split == "vol":
        taken = list(drawn["train"])
        for part in SPLITS[1:]:
            drawn[part] = [place for place in drawn[part] if place not in taken][:VOL_POSITIONS]
            taken += drawn[part]
    return {
        part: scale * np.array([(i, j, k) for i, j in places for k in depths], dtype=np.int16) for part, places in drawn.items()
    }


def _released_draws(variant: str) -> tuple[dict[str, list[tuple[int, int]]], list[int]]:
    """Return the positions (i, j) of each part in drawing order, and the depths k, which all parts share.

    The MedMNIST variant draws the three sets independently, so that they may overlap; the ADNI variant draws without
    replacement across parts.
    """
    generator = random.Random(RELEASED_SEED)
    available = list(range(CODES_PER_AXIS**2))
    drawn = {}
    for part in SPLITS:
        codes = generator.sample(available, CODES_DRAWN)
        if variant == "adni":
            available = sorted(set(available) - set(codes))
        places = [divmod(code, CODES_PER_AXIS) for code in codes]
        drawn[part] = [(i, j) for i, j in places if i >= LOWEST_POSITION and j >= LOWEST_POSITION]
    return drawn, generator.sample(range(20), DEPTHS)


def hard_normals(count: int, dataset: str, volume: str) -> NDArray[np.float64]:
    """Draw normals with integer components 0..9, never all zero; (count, 3)."""
    drawn = streams.words(count * REDRAWS * 3, FIRST, dataset, volume, "hard normals")
    candidates = (drawn % np.uint64(HIGHEST_COMPONENT + 1)).astype(np.float64).reshape(count, REDRAWS, 3)
    first = candidates.any(axis=2).argmax(axis=1)
    return candidates[np.arange(count), first]


def easy_normals(count: int, dataset: str, volume: str) -> NDArray[np.float64]:
    """Draw normals along one of the three axes; (count, 3)."""
    drawn = streams.words(count, FIRST, dataset, volume, "easy normals")
    return np.eye(3)[(drawn % np.uint64(3)).astype(np.int64)]


def known_normals(gathering: str, count: int) -> NDArray[np.float64]:
    """Return the normals that a search may consider: the whole set if it is finite, else `count` evenly spaced ones.

    Returns:
        float64 (n, 3): 3 axes (easy), the 805 directions with components 0..9 (hard), or a Fibonacci lattice on the half
        sphere (all others).
    """
    if gathering == "easy":
        return np.eye(3)
    if gathering == "hard":
        values = np.arange(HIGHEST_COMPONENT + 1)
        every = np.stack(np.meshgrid(values, values, values, indexing="ij"), axis=-1).reshape(-1, 3)[1:]
        return np.unique(every // np.gcd.reduce(every, axis=1)[:, None], axis=0).astype(np.float64)
    step = np.arange(count) + 0.5
    height, angle = step / count, np.pi * (1 + np.sqrt(5)) * step
    radius = np.sqrt(1 - height**2)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), height], axis=1)
