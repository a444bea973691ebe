"""Damaging sections of scale 2 with all steps on: sections per second, and the ratio to cutting them clean."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from atombench.tasks.atom.degradation.damage import Degradation
from atombench.tasks.atom.geometry import BlockGrid
from atombench.tasks.atom.sections import cut_sections
from benchmarks.timing import REPEATS, median_seconds

COUNT = 20_000
WANTED = 20_000  # sections per second on two cores


def main() -> None:
    for context in (1, 2):
        report(BlockGrid(2, context))


def report(grid: BlockGrid) -> None:
    """Print the rate for sections of one size."""
    rng = np.random.default_rng(0)
    volumes = rng.random((16, *(grid.edge,) * 3), dtype=np.float32)
    poses = (rng.integers(0, 16, COUNT), rng.integers(6, 34, (COUNT, 3)), rng.normal(size=(COUNT, 3)))
    tensors = [torch.from_numpy(values) for values in (volumes, *poses)]
    degradation = Degradation.under("histology-5", grid)

    def damaged() -> None:
        degradation.apply(*tensors, grid, degradation.draw(COUNT, grid, "benchmark"))

    slow = median_seconds(damaged)
    fast = median_seconds(lambda: cut_sections(*tensors, grid.scale, context=grid.context))
    rate, steps, threads = COUNT / slow, len(degradation.steps), torch.get_num_threads()
    size = f"{grid.section} x {grid.section} pixels"
    print(f"{size}, {steps} steps, {threads} threads: {rate:,.0f} sections/s (median of {REPEATS})")
    print(f"  {slow / fast:.1f} times as long as cutting and labelling; ratio to {WANTED:,} sections/s: {rate / WANTED:.1f}")


main()
