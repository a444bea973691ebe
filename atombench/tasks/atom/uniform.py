"""Samplers of uniform poses: `uniform`, `tissue` (sections that show something), and the `uniform-v1` of protocol 1.0.

Every position and every direction is equally likely, and only sections with a correct box are kept. Protocol 1.0 gave each
part its own positions. Boxes that are frequent in training were then rare in the test, so that a predictor could score
without an image; positions are now drawn independently for every volume and part.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atombench import streams
from atombench.errors import DataError
from atombench.tasks.atom.geometry import BlockGrid, section_points
from atombench.tasks.atom.labels import label_sections
from atombench.tasks.atom.poses import Poses
from atombench.tasks.atom.protocol import FIRST, PROTOCOL
from atombench.tasks.atom.sections import cut
from atombench.volumes.volume_set import BACKGROUND, SPLITS

SECTIONS = {"train": 152, "val": 152, "test": 168}  # per volume, as in the MedMNIST variant of the released sampler
FEW = {"train": 152, "val": 32, "test": 32}  # the same if all parts share their volumes
TISSUE = 0.5  # least share of pixels that show tissue
DISC_DRAWS = 32  # points drawn per normal; all lie outside the disc with probability 10^-21
ROUNDS = 64
LARGEST_ROUND = 64  # times the number of sections wanted
OLD_SHARES = {"train": 0.8, "val": 0.1, "test": 0.1}  # of all positions in `uniform-v1`; disjoint

Voxels = Callable[[str], NDArray[np.float32]]
"""Returns the voxels (E, E, E) of the volume with a name."""


@dataclass(frozen=True)
class UniformSampler:
    """Uniform positions and directions, drawn independently for every volume and part.

    Attributes:
        dataset, grid, split: coordinates of the board; the split rule is `none` or `vol`.
    """

    dataset: str
    grid: BlockGrid
    split: str

    @property
    def counts(self) -> dict[str, int]:
        """Sections per volume in each part."""
        return FEW if self.split == "vol" else SECTIONS

    def draw(self, part: str, volume: str) -> Poses:
        """Return the poses of one volume's sections.

        Raises:
            DataError: too few of the drawn poses have a correct box.
        """
        poses = _drawn(self.counts[part], self.grid, self._whole_volume, PROTOCOL, self.dataset, volume, part)
        return _enough(poses, self.counts[part], volume)

    def _whole_volume(self, words: streams.Word) -> NDArray[np.int16]:
        return _positions((words % np.uint64(self.grid.edge**3)).astype(np.int64), self.grid)


@dataclass(frozen=True)
class TissueSampler(UniformSampler):
    """Uniform poses of sections that show tissue.

    Sections are judged by the 4s x 4s pixels in their middle, so that boards with more context have the same poses. A volume
    with too little tissue has fewer sections than the others, or none.

    Attributes:
        voxels: returns the voxels of a volume by its name.
    """

    voxels: Voxels = field(repr=False)

    def draw(self, part: str, volume: str) -> Poses:
        """Return the poses of one volume's sections."""
        found, grid = self.voxels(volume)[None], BlockGrid(self.grid.scale)

        def accept(points: NDArray[np.int32]) -> NDArray[np.bool_]:
            pixels = cut(found, np.zeros(len(points), np.int64), points, grid)
            return show_tissue(pixels.reshape(len(points), -1))

        key = (PROTOCOL, self.dataset, volume, part, "tissue")
        return _drawn(self.counts[part], grid, self._whole_volume, *key, accept=accept)


@dataclass(frozen=True)
class OldUniformSampler:
    """The uniform sampler of protocol 1.0: no two parts share a position.

    Attributes:
        dataset, grid, split: coordinates of the board.
        pools: positions that each part draws from, (n, 3).
    """

    dataset: str
    grid: BlockGrid
    split: str
    pools: dict[str, NDArray[np.int16]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        pools = old_positions(self.grid)
        object.__setattr__(self, "pools", dict.fromkeys(SPLITS, pools["train"]) if self.split == "pos" else pools)

    @property
    def counts(self) -> dict[str, int]:
        """Sections per volume in each part."""
        if self.split == "pos":
            return dict.fromkeys(SPLITS, SECTIONS["train"])
        return FEW if self.split == "vol" else SECTIONS

    def draw(self, part: str, volume: str) -> Poses:
        """Return the poses of one volume's sections; if parts share volumes, each part has its own stream.

        Raises:
            DataError: too few of the drawn poses have a correct box.
        """
        key = (self.dataset, volume, part) if self.split == "vol" else (self.dataset, volume)
        pool, count = self.pools[part], self.counts[part]

        def from_pool(words: streams.Word) -> NDArray[np.int16]:
            return pool[(words % np.uint64(len(pool))).astype(np.int64)]

        return _enough(_drawn(count, self.grid, from_pool, FIRST, *key, growth=1), count, volume)


def show_tissue(pixels: NDArray[Any], axis: int = 1) -> NDArray[np.bool_]:
    """Return which sections show tissue: half of the pixels are above the background, and not all are equal.

    Args:
        pixels: pixels of the cores of M sections.
        axis: axis of the pixels of one section.
    """
    varied: NDArray[np.bool_] = np.ptp(pixels, axis=axis) > 0
    return mostly_tissue(pixels > BACKGROUND, axis) & varied


def mostly_tissue(tissue: NDArray[np.bool_], axis: int = 0) -> NDArray[np.bool_]:
    """Return whether at least half of the values along an axis are true."""
    enough: NDArray[np.bool_] = tissue.sum(axis=axis, dtype=np.uint16) >= TISSUE * tissue.shape[axis]
    return enough


def old_positions(grid: BlockGrid) -> dict[str, NDArray[np.int16]]:
    """Partition all positions of the volume into disjoint pools for the parts, as protocol 1.0 did; (n, 3) each."""
    order = streams.permutation(grid.edge**3, FIRST, "uniform positions", grid.scale)
    borders = np.cumsum([round(OLD_SHARES[split] * len(order)) for split in SPLITS])[:-1]
    return dict(zip(SPLITS, np.split(_positions(order, grid), borders), strict=True))


def uniform_normals(count: int, *key: object) -> NDArray[np.float64]:
    """Draw unit normals, uniform on the half sphere k >= 0; (count, 3).

    Marsaglia's method (Ann Math Stat 43, 1972): a point (u, v) of the unit disc, with s = u^2 + v^2, yields the normal
    (2u sqrt(1 - s), 2v sqrt(1 - s), 1 - 2s). Unlike sines and cosines, these operations are rounded equally on every machine.
    """
    drawn = 2 * streams.uniform(count * DISC_DRAWS * 2, *key).reshape(count, DISC_DRAWS, 2) - 1
    first = ((drawn**2).sum(axis=2) < 1).argmax(axis=1)
    u, v = drawn[np.arange(count), first].T
    squared = u * u + v * v
    width = 2 * np.sqrt(1 - squared)
    return np.stack([u * width, v * width, np.abs(1 - 2 * squared)], axis=1)


def _positions(flat: NDArray[np.int64], grid: BlockGrid) -> NDArray[np.int16]:
    """Return the voxels (n, 3) with these flat indices."""
    return np.stack(np.unravel_index(flat, (grid.edge,) * 3), axis=1).astype(np.int16)


def _every(points: NDArray[np.int32]) -> NDArray[np.bool_]:
    return np.ones(len(points), dtype=np.bool_)


def _drawn(
    count: int,
    grid: BlockGrid,
    position: Callable[[streams.Word], NDArray[np.int16]],
    *key: object,
    accept: Callable[[NDArray[np.int32]], NDArray[np.bool_]] = _every,
    growth: int = 2,
) -> Poses:
    """Draw poses in rounds until `count` of them have a correct box and are accepted; fewer if `ROUNDS` do not suffice.

    Args:
        count: number of poses.
        grid: grid of blocks.
        position: returns positions (n, 3) for random words (n,).
        key: key of the streams.
        accept: returns which sections to keep, given their points (n, 3, P).
        growth: factor by which a round exceeds the one before, up to `LARGEST_ROUND` times `count` poses.
    """
    centres, normals, size = np.zeros((0, 3), np.int16), np.zeros((0, 3)), count
    for attempt in range(ROUNDS):
        new_centres = position(streams.words(size, *key, "uniform centres", attempt))
        new_normals = uniform_normals(size, *key, "uniform normals", attempt)
        points = section_points(new_centres, new_normals, grid)
        kept = np.flatnonzero(label_sections(points, grid).boxes.any(axis=1))
        kept = kept[accept(points[kept])]
        centres = np.concatenate([centres, new_centres[kept]])
        normals = np.concatenate([normals, new_normals[kept]])
        if len(centres) >= count:
            break
        size = min(size * growth, count * LARGEST_ROUND)
    return Poses(centres[:count], normals[:count])


def _enough(poses: Poses, count: int, volume: str) -> Poses:
    if len(poses.centres) < count:
        msg = f"{volume}: expected {count} sections with a correct box, got {len(poses.centres)} in {ROUNDS} rounds of draws"
        raise DataError(msg)
    return poses
