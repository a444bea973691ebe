"""Where sections are cut: the released sampler (with hard or easy normals) and the uniform one.

The gathering names the board's way of cutting. `hard` and `easy` are the released sampler's; `uniform` is the second sampler
of the protocol, whose centres and normals favour no place and no octant.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from atombench import PROTOCOL, streams
from atombench.atom.geometry import BlockGrid, section_points
from atombench.atom.labels import label_sections
from atombench.errors import ConfigError, unknown_name
from atombench.volumes.volume_set import SPLITS

RELEASED_SEED = 3407
CODES_PER_AXIS = 17
CODES_DRAWN = 50
LOWEST_POSITION = 2
DEPTHS = 4
HIGHEST_COMPONENT = 9
REDRAWS = 8  # so many normals are drawn per section; all zero has probability 10^-24
DISC_DRAWS = 32  # points drawn per normal; none lies in the disc with probability 10^-21
UNIFORM_SECTIONS = {"train": 152, "val": 152, "test": 168}  # per volume, as many as the released sampler
UNIFORM_SHARES = {"train": 0.8, "val": 0.1, "test": 0.1}  # of all positions; disjoint
UNIFORM_ROUNDS = 64

GATHERINGS = ("hard", "easy", "uniform")


@dataclass(frozen=True)
class Poses:
    """Poses of the M sections of one volume: centres int16 (M, 3) in voxels, normals float64 (M, 3) of any length."""

    centres: NDArray[np.int16]
    normals: NDArray[np.float64]


def released_positions(scale: int = 1) -> dict[str, NDArray[np.int16]]:
    """Centres of the released sampler's MedMNIST variant for each split; (38, 38 or 42) x 4 depths, shape (n, 3).

    Positions and depths are drawn once for all volumes, the three sets independently, so that they may coincide. At scale s
    they are multiplied by s.
    """
    generator = random.Random(RELEASED_SEED)
    codes = {split: generator.sample(range(CODES_PER_AXIS**2), CODES_DRAWN) for split in SPLITS}
    depths = generator.sample(range(20), DEPTHS)
    centres = {}
    for split, drawn in codes.items():
        kept = [divmod(code, CODES_PER_AXIS) for code in drawn]
        kept = [(i, j) for i, j in kept if i >= LOWEST_POSITION and j >= LOWEST_POSITION]
        centres[split] = scale * np.array([(i, j, k) for i, j in kept for k in depths], dtype=np.int16)
    return centres


def hard_normals(count: int, dataset: str, volume: str) -> NDArray[np.float64]:
    """Normals with integer components 0..9, never all zero; (count, 3)."""
    drawn = streams.words(count * REDRAWS * 3, PROTOCOL, dataset, volume, "hard normals")
    candidates = (drawn % np.uint64(HIGHEST_COMPONENT + 1)).astype(np.float64).reshape(count, REDRAWS, 3)
    first = candidates.any(axis=2).argmax(axis=1)
    return candidates[np.arange(count), first]


def easy_normals(count: int, dataset: str, volume: str) -> NDArray[np.float64]:
    """Normals along one of the three axes; (count, 3)."""
    drawn = streams.words(count, PROTOCOL, dataset, volume, "easy normals")
    return np.eye(3)[(drawn % np.uint64(3)).astype(np.int64)]


def uniform_normals(count: int, *key: object) -> NDArray[np.float64]:
    """Unit normals, uniform on the half sphere k >= 0; (count, 3).

    Marsaglia's method (Ann Math Stat 43, 1972): a point (u, v) of the unit disc, with s = u^2 + v^2, gives the normal
    (2u sqrt(1 - s), 2v sqrt(1 - s), 1 - 2s). Unlike sines and cosines, these operations round alike on every machine.
    """
    drawn = 2 * streams.uniform(count * DISC_DRAWS * 2, PROTOCOL, *key).reshape(count, DISC_DRAWS, 2) - 1
    first = ((drawn**2).sum(axis=2) < 1).argmax(axis=1)
    u, v = drawn[np.arange(count), first].T
    squared = u * u + v * v
    width = 2 * np.sqrt(1 - squared)
    return np.stack([u * width, v * width, np.abs(1 - 2 * squared)], axis=1)


def uniform_positions(grid: BlockGrid) -> dict[str, NDArray[np.int16]]:
    """All positions of the volume, shared out disjointly between the splits; shape (n, 3) each."""
    order = streams.permutation(grid.edge**3, PROTOCOL, "uniform positions", grid.scale)
    centres = np.stack(np.unravel_index(order, (grid.edge,) * 3), axis=1).astype(np.int16)
    borders = np.cumsum([round(UNIFORM_SHARES[split] * len(order)) for split in SPLITS])[:-1]
    return dict(zip(SPLITS, np.split(centres, borders), strict=True))


def uniform_poses(pool: NDArray[np.int16], count: int, dataset: str, volume: str, grid: BlockGrid) -> Poses:
    """Draw poses until `count` of them have a correct fine box; centres come from `pool` (n, 3)."""
    centres, normals = np.zeros((0, 3), np.int16), np.zeros((0, 3))
    for attempt in range(UNIFORM_ROUNDS):
        drawn = streams.words(count, PROTOCOL, dataset, volume, "uniform centres", attempt)
        new_centres = pool[(drawn % np.uint64(len(pool))).astype(np.int64)]
        new_normals = uniform_normals(count, dataset, volume, "uniform normals", attempt)
        kept = label_sections(section_points(new_centres, new_normals, grid), grid).boxes.any(axis=1)
        centres = np.concatenate([centres, new_centres[kept]])
        normals = np.concatenate([normals, new_normals[kept]])
        if len(centres) >= count:
            return Poses(centres[:count], normals[:count])
    msg = f"{UNIFORM_ROUNDS * count} draws gave only {len(centres)} of {count} labelled sections"
    raise RuntimeError(msg)


def sampler(gathering: str, dataset: str, grid: BlockGrid) -> Callable[[str, str], Poses]:
    """Sampler of a gathering: a function of (split, volume id) that gives the volume's poses, in any order of calls.

    Raises:
        ConfigError: the gathering is not one of `GATHERINGS`; the nearest is suggested.
    """
    if gathering == "uniform":
        pools = uniform_positions(grid)
        return lambda split, volume: uniform_poses(pools[split], UNIFORM_SECTIONS[split], dataset, volume, grid)
    if gathering not in GATHERINGS:
        raise ConfigError(unknown_name("gathering", gathering, GATHERINGS))
    draw = hard_normals if gathering == "hard" else easy_normals
    positions = released_positions(grid.scale)
    return lambda split, volume: Poses(positions[split], draw(len(positions[split]), dataset, volume))


def known_normals(gathering: str, count: int) -> NDArray[np.float64]:
    """Normals that a search may consider, as the protocol publishes them: all of a finite set, else `count` even ones.

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
