"""Samplers of section poses: the released sampler (with hard or easy normals) and the uniform sampler.

The gathering selects the sampler of a board: `hard` and `easy` the released one, `uniform` the second sampler of the protocol,
which favours no position and no octant. The split rule determines whether the parts (train, val, test) have separate volumes
and positions; `atombench.tasks.atom.splits` chooses the volumes.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from atombench import streams
from atombench.engine.secret_key import read_key
from atombench.errors import ConfigError, unknown_name
from atombench.tasks.atom.board import GATHERINGS, SPLIT_RULES
from atombench.tasks.atom.geometry import BlockGrid, section_points
from atombench.tasks.atom.labels import label_sections
from atombench.tasks.atom.protocol import PROTOCOL
from atombench.tasks.atom.secret import is_secret, public_gathering
from atombench.volumes.volume_set import SPLITS

RELEASED_SEED = 3407
CODES_PER_AXIS = 17
CODES_DRAWN = 50
LOWEST_POSITION = 2
DEPTHS = 4
HIGHEST_COMPONENT = 9
REDRAWS = 8  # normals drawn per section; all are zero with probability 10^-24
VOL_POSITIONS = 8  # of validation and of test, if all parts share their volumes
DISC_DRAWS = 32  # points drawn per normal; all lie outside the disc with probability 10^-21
UNIFORM_SECTIONS = {"train": 152, "val": 152, "test": 168}  # per volume, as in the MedMNIST variant
UNIFORM_SHARES = {"train": 0.8, "val": 0.1, "test": 0.1}  # of all positions; disjoint
UNIFORM_ROUNDS = 64

VARIANTS = ("medmnist", "adni")


@dataclass(frozen=True)
class Poses:
    """Poses of M sections of one volume: centres int16 (M, 3) in voxels, normals float64 (M, 3) of any length."""

    centres: NDArray[np.int16]
    normals: NDArray[np.float64]


class Sampler(Protocol):
    """Draws the poses of any part and volume, independently of the order of calls."""

    @property
    def counts(self) -> dict[str, int]:
        """Sections per volume in each part."""

    def draw(self, part: str, volume: str) -> Poses:
        """Return the poses of one volume's sections."""


def sampler(gathering: str, split: str, dataset: str, grid: BlockGrid, variant: str = "medmnist") -> Sampler:
    """Return the sampler of a gathering under a split rule.

    Args:
        gathering: one of `GATHERINGS`.
        split: one of `SPLIT_RULES`.
        dataset: name of the dataset, which is part of the key of every stream.
        grid: scale of the volumes.
        variant: generator of the released code that draws the positions (hard and easy only).

    Raises:
        ConfigError: the gathering, the split rule or the variant is unknown (the nearest is suggested), or the board is secret
            and the key is missing.
    """
    for kind, name, valid in (
        ("gathering", gathering, GATHERINGS),
        ("split rule", split, SPLIT_RULES),
        ("sampler variant", variant, VARIANTS),
    ):
        if name not in valid:
            raise ConfigError(unknown_name(kind, name, valid))
    if is_secret(gathering):
        public = public_gathering(gathering)
        keyed = sampler(public, split, f"{dataset} {read_key()}", grid, variant)
        return SecretSampler(sampler(public, split, dataset, grid, variant), keyed)
    if gathering == "uniform":
        return UniformSampler(dataset, grid, split)
    return ReleasedSampler(dataset, gathering, split, released_positions(split, variant, grid.scale))


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


@dataclass(frozen=True)
class UniformSampler:
    """The second sampler of the protocol: uniform positions and directions, with disjoint positions between parts.

    Attributes:
        dataset, grid, split: coordinates of the board.
        pools: positions that each part draws from, (n, 3).
    """

    dataset: str
    grid: BlockGrid
    split: str
    pools: dict[str, NDArray[np.int16]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        pools = uniform_positions(self.grid)
        object.__setattr__(self, "pools", dict.fromkeys(SPLITS, pools["train"]) if self.split == "pos" else pools)

    @property
    def counts(self) -> dict[str, int]:
        """Sections per volume in each part, as in the MedMNIST variant of the released sampler."""
        if self.split == "pos":
            return dict.fromkeys(SPLITS, UNIFORM_SECTIONS["train"])
        few = {"val": VOL_POSITIONS * DEPTHS, "test": VOL_POSITIONS * DEPTHS} if self.split == "vol" else {}
        return UNIFORM_SECTIONS | few

    def draw(self, part: str, volume: str) -> Poses:
        """Return the poses of one volume's sections; if parts share volumes, each part has its own stream."""
        key = (self.dataset, volume, part) if self.split == "vol" else (self.dataset, volume)
        return uniform_poses(self.pools[part], self.counts[part], self.grid, *key)


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
    drawn = streams.words(count * REDRAWS * 3, PROTOCOL, dataset, volume, "hard normals")
    candidates = (drawn % np.uint64(HIGHEST_COMPONENT + 1)).astype(np.float64).reshape(count, REDRAWS, 3)
    first = candidates.any(axis=2).argmax(axis=1)
    return candidates[np.arange(count), first]


def easy_normals(count: int, dataset: str, volume: str) -> NDArray[np.float64]:
    """Draw normals along one of the three axes; (count, 3)."""
    drawn = streams.words(count, PROTOCOL, dataset, volume, "easy normals")
    return np.eye(3)[(drawn % np.uint64(3)).astype(np.int64)]


def uniform_normals(count: int, *key: object) -> NDArray[np.float64]:
    """Draw unit normals, uniform on the half sphere k >= 0; (count, 3).

    Marsaglia's method (Ann Math Stat 43, 1972): a point (u, v) of the unit disc, with s = u^2 + v^2, yields the normal
    (2u sqrt(1 - s), 2v sqrt(1 - s), 1 - 2s). Unlike sines and cosines, these operations are rounded equally on every machine.
    """
    drawn = 2 * streams.uniform(count * DISC_DRAWS * 2, PROTOCOL, *key).reshape(count, DISC_DRAWS, 2) - 1
    first = ((drawn**2).sum(axis=2) < 1).argmax(axis=1)
    u, v = drawn[np.arange(count), first].T
    squared = u * u + v * v
    width = 2 * np.sqrt(1 - squared)
    return np.stack([u * width, v * width, np.abs(1 - 2 * squared)], axis=1)


def uniform_positions(grid: BlockGrid) -> dict[str, NDArray[np.int16]]:
    """Partition all positions of the volume into disjoint pools for the parts; (n, 3) each."""
    order = streams.permutation(grid.edge**3, PROTOCOL, "uniform positions", grid.scale)
    centres = np.stack(np.unravel_index(order, (grid.edge,) * 3), axis=1).astype(np.int16)
    borders = np.cumsum([round(UNIFORM_SHARES[split] * len(order)) for split in SPLITS])[:-1]
    return dict(zip(SPLITS, np.split(centres, borders), strict=True))


def uniform_poses(pool: NDArray[np.int16], count: int, grid: BlockGrid, *key: object) -> Poses:
    """Draw poses from the streams of `key` until `count` of them have a correct fine box.

    Args:
        pool: positions to draw centres from, (n, 3).
        count: number of poses.
        grid: grid of blocks.
        key: key of the streams.

    Raises:
        RuntimeError: too few of the drawn poses have a correct box.
    """
    centres, normals = np.zeros((0, 3), np.int16), np.zeros((0, 3))
    for attempt in range(UNIFORM_ROUNDS):
        drawn = streams.words(count, PROTOCOL, *key, "uniform centres", attempt)
        new_centres = pool[(drawn % np.uint64(len(pool))).astype(np.int64)]
        new_normals = uniform_normals(count, *key, "uniform normals", attempt)
        kept = label_sections(section_points(new_centres, new_normals, grid), grid).boxes.any(axis=1)
        centres = np.concatenate([centres, new_centres[kept]])
        normals = np.concatenate([normals, new_normals[kept]])
        if len(centres) >= count:
            return Poses(centres[:count], normals[:count])
    msg = f"expected {count} labelled sections, got {len(centres)} in {UNIFORM_ROUNDS * count} draws"
    raise RuntimeError(msg)


def known_normals(gathering: str, count: int) -> NDArray[np.float64]:
    """Return the normals that a search may consider: the whole set if it is finite, else `count` evenly spaced ones.

    Returns:
        float64 (n, 3): 3 axes (easy), the 805 directions with components 0..9 (hard), or a Fibonacci lattice on the half
        sphere (uniform).
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
