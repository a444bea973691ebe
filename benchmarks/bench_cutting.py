"""Cutting and labelling sections: all at once against one section at a time; prints the ratio of medians."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from atombench.atom.geometry import BlockGrid, section_points
from atombench.atom.labels import label_sections
from atombench.atom.sections import cut
from benchmarks.timing import REPEATS, median_seconds
from tests.atom.test_geometry import naive_points
from tests.atom.test_labels_and_sections import naive_cut, naive_labels

MANY, FEW = 20_000, 200


def main() -> None:
    rng, grid = np.random.default_rng(0), BlockGrid(1)
    volumes = rng.random((100, 20, 20, 20)).astype(np.float32)
    centres, which = rng.integers(0, 20, (MANY, 3)), rng.integers(0, 100, MANY)
    normals = rng.integers(0, 10, (MANY, 3)) + np.array([0.0, 0.0, 1.0])

    def together() -> None:
        points = section_points(centres, normals, grid)
        cut(volumes, which, points, grid)
        label_sections(points, grid)

    def singly() -> None:
        for row in range(FEW):
            points = np.rint(naive_points(centres[row], normals[row], 1)).astype(int)
            naive_cut(volumes[which[row]], points, 1)
            naive_labels(points, 1)

    rates = {"all at once": MANY / median_seconds(together), "one at a time": FEW / median_seconds(singly)}
    for name, rate in rates.items():
        print(f"cut and label, {name}: {rate:,.0f} sections/s (median of {REPEATS})")
    print(f"ratio: {rates['all at once'] / rates['one at a time']:.0f}")


main()
