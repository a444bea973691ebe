"""Memory and time of training at 20^3, 40^3 and 60^3 voxels with equal width and batch; `--figure FILE` plots them.

Every training runs in a separate process, and its peak resident memory is measured (on a GPU also the memory allocated by
torch). The paper reports more than 80 GB for its network at 40^3.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from atombench.tasks.atom.board import AtomBoard

sys.path.insert(0, str(Path(__file__).parents[1]))

METHODS = ("regismcan-released", "regismcan", "mcan")
SCALES = {1: 2.0, 2: 4.0, 3: 8.0}  # scale: allowed memory in GiB
VOLUMES, BATCH_VOLUMES, BATCH_SECTIONS, STEPS = 184, 8, 16, 12


def measure(method: str, scale: int) -> dict[str, float]:
    """Train for a few steps in this process; return peak memory in GiB and median time per step in seconds."""
    import torch

    from atombench.engine.contract import Resources
    from atombench.engine.training.device import resolved_device
    from atombench.engine.training.loop import TrainingLoop
    from atombench.provenance.code import peak_memory_mib
    from atombench.provenance.cost import peak_gpu_memory_mib
    from atombench.tasks.atom.manifest import make_manifest
    from atombench.tasks.atom.task import ATOM
    from atombench.tasks.atom.training import make_training
    from atombench.volumes.curated import Curated
    from tests.conftest import volume_set

    noise = np.random.default_rng(0).random((VOLUMES, *[20 * scale] * 3), dtype=np.float32)
    data = Curated.of(volume_set((VOLUMES - 4, 2, 2), noise))
    training = make_training(data, make_manifest(data, AtomBoard("hard", "none", scale)))
    times, step = [], TrainingLoop._step

    def timed(self: TrainingLoop, *arguments: object) -> None:
        start = time.perf_counter()
        step(self, *arguments)  # type: ignore[arg-type]
        times.append(time.perf_counter() - start)

    TrainingLoop._step = timed  # type: ignore[method-assign]
    device = resolved_device("auto")
    options = {"batch_volumes": BATCH_VOLUMES, "batch_sections": BATCH_SECTIONS, "steps": STEPS, "validations": 1}
    ATOM.registry.build(method, options).fit(training, Resources(seed=1, device=device, threads=torch.get_num_threads()))
    return {
        "host_gib": peak_memory_mib() / 1024,
        "gpu_gib": (peak_gpu_memory_mib(device) or 0.0) / 1024,
        "seconds": float(np.median(times[2:])),
    }


def measure_in_subprocess(method: str, scale: int) -> dict[str, float]:
    command = [sys.executable, __file__, "--measure", method, str(scale)]
    row: dict[str, float] = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return row


def draw(rows_by_method: dict[str, list[dict[str, float]]], path: Path) -> None:
    """Plot memory and time against the number of voxels."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.2), layout="constrained")
    voxels = [(20 * scale) ** 3 for scale in SCALES]
    panels = (("host_gib", "peak memory of the process, GiB"), ("seconds", "seconds per step"))
    for axis, (key, title) in zip(figure.subplots(1, 2), panels, strict=True):
        for method, rows in rows_by_method.items():
            axis.plot(voxels, [row[key] for row in rows], "o-", label=method)
        axis.set_xscale("log")
        axis.set_xticks(voxels, [f"{20 * scale}³" for scale in SCALES], minor=False)
        axis.set_xticks([], minor=True)
        axis.set_ylim(bottom=0)
        axis.set_xlabel("voxels of a volume")
        axis.set_title(f"{title}, batch {BATCH_VOLUMES * BATCH_SECTIONS}", fontsize=10)
        axis.grid(alpha=0.3)
        axis.legend(fontsize=8)
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--measure", nargs=2, metavar=("METHOD", "SCALE"))
    parser.add_argument("--figure", type=Path)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.measure[0], int(options.measure[1]))))
        return
    rows_by_method: dict[str, list[dict[str, float]]] = {}
    for method in METHODS:
        for scale, allowed in SCALES.items():
            row = measure_in_subprocess(method, scale)
            rows_by_method.setdefault(method, []).append(row)
            ratio = row["seconds"] / rows_by_method[method][0]["seconds"]
            print(
                f"{method} at {20 * scale}^3, batch {BATCH_VOLUMES * BATCH_SECTIONS}: {row['host_gib']:.2f} GiB"
                f" (GPU {row['gpu_gib']:.2f}; {allowed:.0f} allowed), {1000 * row['seconds']:.0f} ms per step,"
                f" ratio to 20^3: {ratio:.2f}"
            )
    if options.figure:
        draw(rows_by_method, options.figure)


main()
