"""Exhaustive search: one matrix product per orientation, compared with one difference per query; prints both medians."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from atombench.tasks.atom.geometry import BlockGrid
from atombench.tasks.atom.methods.exhaustive import _flat_voxels, _nearest, _ssd, _with_ones
from benchmarks.timing import REPEATS, median_seconds

QUERIES = 168


def main() -> None:
    rng, grid = np.random.default_rng(0), BlockGrid(1)
    volume = np.append(rng.random(grid.edge**3), 0.0)
    centres = np.stack(np.unravel_index(np.arange(grid.edge**3), (grid.edge,) * 3), axis=1)
    candidates = volume[_flat_voxels(centres, np.array([1.0, 2.0, 3.0]), grid)]  # (P, candidates)
    queries = rng.random((QUERIES, grid.section**2))

    def differences() -> np.ndarray:
        return np.array([((candidates - query[:, None]) ** 2).sum(axis=0).argmin() for query in queries])

    def product() -> np.ndarray:
        return _nearest(_ssd(_with_ones(queries), candidates))[0]

    assert (differences() == product()).all()
    slow, fast = median_seconds(differences), median_seconds(product)
    print(f"{QUERIES} queries against {len(centres)} positions of one orientation, median of {REPEATS}:")
    print(f"differences {1000 * slow:.1f} ms, matrix product {1000 * fast:.1f} ms, ratio: {slow / fast:.1f}")


main()
