"""Cutting and labelling of sections: vectorised, compared with one section at a time; prints the ratio of medians."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from atombench.tasks.atom.sections import available_threads, cut_sections
from benchmarks.timing import REPEATS, median_seconds
from tests.tasks.atom.naive import naive_section, random_poses

MANY, FEW = 200_000, 2000


def main() -> None:
    rng = np.random.default_rng(0)
    volumes = rng.random((100, 20, 20, 20)).astype(np.float32)
    centres, normals = random_poses(0, MANY, 1)
    which = rng.integers(0, 100, MANY)
    tensors = [torch.from_numpy(values) for values in (volumes, which, centres, normals)]

    def singly() -> None:
        for row in range(FEW):
            naive_section(volumes[which[row]], centres[row], normals[row], 1)

    variants = {
        f"NumPy, {available_threads()} threads": (MANY, lambda: cut_sections(volumes, which, centres, normals)),
        "NumPy, 1 thread": (MANY, lambda: cut_sections(volumes, which, centres, normals, threads=1)),
        f"torch, {torch.get_num_threads()} threads": (MANY, lambda: cut_sections(*tensors)),
        "one at a time": (FEW, singly),
    }
    rates = {name: count / median_seconds(work) for name, (count, work) in variants.items()}
    for name, rate in rates.items():
        print(f"cut and label, {name}: {rate:,.0f} sections/s (median of {REPEATS})")
    print(f"ratio: {next(iter(rates.values())) / rates['one at a time']:.0f}")


main()
