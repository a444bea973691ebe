"""Time to curate VesselMNIST3D (1908 volumes), compared with interpolating each voxel of the result separately."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy import ndimage

sys.path.insert(0, str(Path(__file__).parents[1]))

from atombench.errors import FetchError
from atombench.volumes import medmnist
from atombench.volumes.curate import curate, resample
from atombench.volumes.fetch import fetch
from atombench.volumes.raw_volume import RawVolume
from atombench.volumes.registry import find_row
from atombench.volumes.volume_set import SPLITS
from benchmarks.timing import REPEATS, median_seconds

EDGE, FEW = 20, 10


def volumes() -> tuple[str, list[RawVolume]]:
    """Return the real dataset if it is available locally, else as many random masks of the same size."""
    row = find_row("vesselmnist3d", Path(__file__).parents[1] / "config/datasets.yaml")
    try:
        files = fetch([replace(file, url=None) for file in medmnist.sources(row)], Path("results/downloads"))
    except FetchError:
        return "random masks", list(_random(sum(medmnist.counts(row).values())))
    return "real dataset", list(medmnist.read(row, files))


def _random(count: int) -> Iterator[RawVolume]:
    rng = np.random.default_rng(0)
    for number in range(count):
        name = f"v{number}"
        yield RawVolume(name, name, "", SPLITS[number % 3], (rng.random((28, 28, 28)) < 0.02) * 1.0, np.full(3, np.nan))


def one_by_one(array: np.ndarray) -> np.ndarray:
    """Resample with cubic interpolation, one voxel at a time."""
    smooth = ndimage.spline_filter(array, order=3)
    places = np.linspace(0, len(array) - 1, EDGE)
    grid = np.stack(np.meshgrid(places, places, places, indexing="ij"), axis=-1).reshape(-1, 3)
    voxels = [ndimage.map_coordinates(smooth, place[:, None], order=3, prefilter=False)[0] for place in grid]
    return np.array(voxels).reshape(EDGE, EDGE, EDGE)


def main() -> None:
    name, raw = volumes()
    few = [volume.array for volume in raw[:FEW]]
    assert np.allclose(one_by_one(few[0]), resample(few[0], EDGE), atol=1e-5)
    fast = median_seconds(lambda: curate("vesselmnist3d", raw, EDGE))
    slow = median_seconds(lambda: [one_by_one(array) for array in few]) * len(raw) / FEW
    print(f"curate {len(raw)} volumes ({name}): {fast:.1f} s (median of {REPEATS})")
    print(f"one voxel at a time: {slow:.0f} s; ratio: {slow / fast:.0f}")


main()
