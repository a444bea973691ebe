"""Drawing and writing the 24 manifests of Table 4: time, peak memory, and the ratio to drawing section by section."""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from itertools import product
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from atombench.tasks.atom.board import SPLIT_RULES
from atombench.tasks.atom.geometry import BlockGrid
from atombench.tasks.atom.manifest import Manifest, draw_parts
from atombench.tasks.atom.sampling import sampler
from atombench.volumes.medmnist import package_info
from atombench.volumes.volume_set import SPLITS
from benchmarks.timing import median_seconds

SETS = ("organmnist3d", "fracturemnist3d", "nodulemnist3d", "vesselmnist3d")


def roster(dataset: str) -> tuple[list[str], list[str]]:
    """Return ids and official splits of the volumes of a MedMNIST dataset, as named by the reader."""
    counts = package_info()[dataset]["n_samples"]
    splits = [split for split in SPLITS for _ in range(counts[split])]
    return [f"{split}-{index:04d}" for split in SPLITS for index in range(counts[split])], splits


def draw(dataset: str, gathering: str, split: str) -> Manifest:
    """Draw a manifest without reading voxels; the digest of the volumes is empty."""
    draws = sampler(gathering, split, dataset, BlockGrid(1))
    return Manifest(dataset, gathering, split, 1, "", draw_parts(dataset, *roster(dataset), split, draws))


def whole_set(folder: Path) -> int:
    """Draw and write all manifests; return the number of rows."""
    rows = 0
    for board in product(SETS, ("easy", "hard"), SPLIT_RULES):
        manifest = draw(*board)
        manifest.save(folder / ("-".join(board) + ".parquet"))
        rows += sum(manifest.counts.values())
    return rows


def section_by_section(volumes: int) -> int:
    """Draw hard normals one section at a time from the same kind of stream; return the number of rows."""
    rows = 0
    for volume in range(volumes):
        for index in range(152):
            stream = np.random.Philox(key=1000 * volume + index)
            while not any(int(word) % 10 for word in stream.random_raw(3)):
                pass
            rows += 1
    return rows


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        rows = whole_set(Path(folder))
        seconds = time.perf_counter() - start
    slow = median_seconds(lambda: section_by_section(100)) / (100 * 152)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"24 manifests, {rows:,} rows: {seconds:.1f} s, peak memory {peak:.2f} GiB")
    print(f"one section at a time, drawing only: {slow * rows:.0f} s for as many rows; ratio: {slow * rows / seconds:.1f}")


if __name__ == "__main__":
    main()
