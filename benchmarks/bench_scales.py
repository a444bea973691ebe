"""Memory and time of training at 20^3, 40^3 and 60^3 voxels with the same width and batch; `--figure FILE` draws them.

Every training runs in a process of its own, whose largest resident memory is taken (on a GPU also what torch allocated there).
The paper reports more than 80 GB for its network at 40^3.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

METHODS = ("regismcan-released", "regismcan", "mcan")
SCALES = {1: 2.0, 2: 4.0, 3: 8.0}  # scale: GiB that are allowed
VOLUMES, BATCH_VOLUMES, BATCH_SECTIONS, STEPS = 184, 8, 16, 12


def measure(method: str, scale: int) -> dict[str, float]:
    """Train for some steps in this process; memory in GiB, seconds per step (median)."""
    import torch

    from atombench.engine.contract import Resources, make_training
    from atombench.engine.registry import build
    from atombench.engine.training.device import resolved_device
    from atombench.engine.training.loop import TrainingLoop
    from atombench.provenance.code import peak_memory_mib
    from atombench.provenance.cost import peak_gpu_memory_mib
    from atombench.tasks.atom.manifest import make_manifest
    from tests.conftest import volume_set

    noise = np.random.default_rng(0).random((VOLUMES, *[20 * scale] * 3), dtype=np.float32)
    some = volume_set((VOLUMES - 4, 2, 2), noise)
    task = make_training(some, make_manifest(some, "hard", "none", scale))
    times, step = [], TrainingLoop._step

    def timed(self: TrainingLoop, *arguments: object) -> None:
        start = time.perf_counter()
        step(self, *arguments)  # type: ignore[arg-type]
        times.append(time.perf_counter() - start)

    TrainingLoop._step = timed  # type: ignore[method-assign]
    device = resolved_device("auto")
    options = {"batch_volumes": BATCH_VOLUMES, "batch_sections": BATCH_SECTIONS, "steps": STEPS, "validations": 1}
    build(method, options).fit(task, Resources(seed=1, device=device, threads=torch.get_num_threads()))
    return {
        "host_gib": peak_memory_mib() / 1024,
        "gpu_gib": (peak_gpu_memory_mib(device) or 0.0) / 1024,
        "seconds": float(np.median(times[2:])),
    }


def measured_apart(method: str, scale: int) -> dict[str, float]:
    command = [sys.executable, __file__, "--measure", method, str(scale)]
    found: dict[str, float] = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return found


def draw(found: dict[str, list[dict[str, float]]], path: Path) -> None:
    """Memory and time against the number of voxels."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.2), layout="constrained")
    voxels = [(20 * scale) ** 3 for scale in SCALES]
    panels = (("host_gib", "largest memory of the process, GiB"), ("seconds", "seconds per step"))
    for axis, (key, title) in zip(figure.subplots(1, 2), panels, strict=True):
        for method, rows in found.items():
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
    asked = parser.parse_args()
    if asked.measure:
        print(json.dumps(measure(asked.measure[0], int(asked.measure[1]))))
        return
    found: dict[str, list[dict[str, float]]] = {}
    for method in METHODS:
        for scale, allowed in SCALES.items():
            row = measured_apart(method, scale)
            found.setdefault(method, []).append(row)
            ratio = row["seconds"] / found[method][0]["seconds"]
            print(
                f"{method} at {20 * scale}^3, batch {BATCH_VOLUMES * BATCH_SECTIONS}: {row['host_gib']:.2f} GiB"
                f" (GPU {row['gpu_gib']:.2f}; {allowed:.0f} allowed), {1000 * row['seconds']:.0f} ms per step,"
                f" ratio to 20^3: {ratio:.2f}"
            )
    if asked.figure:
        draw(found, asked.figure)


main()
