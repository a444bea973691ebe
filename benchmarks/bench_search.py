"""Exact search of one volume, compared with products in double precision; prints both medians and their ratio."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from atombench.progress import available_threads
from atombench.similarity.ssd import Ssd
from atombench.tasks.atom.geometry import BlockGrid
from atombench.tasks.atom.sampling import known_normals
from atombench.tasks.atom.search.candidates import Candidates, Lattices, distinct_orientations, every_position
from atombench.tasks.atom.search.exact import ExactSearch
from benchmarks.timing import REPEATS, median_seconds

QUERIES, POSITIONS = 152, 4500
NOISE = 0.02


def double_search(candidates: Candidates, queries: np.ndarray) -> np.ndarray:
    """Return orientation and position of the smallest SSD, from one product in double precision per orientation; (2, Q)."""
    voxels, rows, orientations = candidates.voxels.double().numpy(), np.arange(len(queries)), len(candidates.lattices.normals)
    queried = np.concatenate([queries.reshape(len(queries), -1).astype(np.float64), np.ones((len(queries), 1))], axis=1)
    best, chosen = np.full(len(queries), np.inf), np.zeros((2, len(queries)), dtype=np.int64)
    for orientation in range(orientations):
        shown = voxels[candidates.lattices.voxels(orientation, slice(None)).numpy().T]  # (P, C)
        costs = queried @ np.concatenate([-2 * shown, (shown**2).sum(axis=0, keepdims=True)])
        nearest = costs.argmin(axis=1)
        cost = costs[rows, nearest]
        chosen = np.where(cost < best, [np.full_like(nearest, orientation), nearest], chosen)
        best = np.minimum(cost, best)
    return chosen


def main() -> None:
    rng, grid, threads = np.random.default_rng(0), BlockGrid(1), available_threads()
    normals = distinct_orientations(known_normals("hard", 0), grid)
    centres = every_position(grid)[np.sort(rng.permutation(grid.edge**3)[:POSITIONS])]
    candidates = Candidates(rng.random((grid.edge,) * 3, dtype=np.float32), Lattices(grid, normals, centres), tissue_only=False)
    places = zip(rng.integers(len(normals), size=QUERIES).tolist(), rng.integers(POSITIONS, size=QUERIES).tolist(), strict=True)
    true = np.concatenate([candidates.sections(orientation, slice(place, place + 1))[0] for orientation, place in places])
    queries = true + NOISE * rng.normal(size=true.shape).astype(np.float32)

    def search() -> np.ndarray:
        found = ExactSearch(candidates, Ssd(), torch.from_numpy(queries), threads).find()
        return torch.stack([found.orientations, found.positions]).numpy()

    assert (double_search(candidates, queries) == search()).all()
    slow, fast = median_seconds(lambda: double_search(candidates, queries)), median_seconds(search)
    print(f"{QUERIES} queries, {POSITIONS} positions x {len(normals)} orientations, {threads} threads, median of {REPEATS}:")
    print(f"double precision {slow:.2f} s, exact search {fast:.2f} s, ratio: {slow / fast:.1f}")


main()
