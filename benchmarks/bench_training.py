"""Training steps at batch 128, compared with steps without shared computations, and the cost of supplying data."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from atombench.engine.training.device import resolved_device
from atombench.engine.training.optimizers import optimizers_of
from atombench.tasks.atom.board import AtomBoard
from atombench.tasks.atom.geometry import BlockGrid
from atombench.tasks.atom.learning.feed import Batch, SectionFeed
from atombench.tasks.atom.manifest import make_manifest
from atombench.tasks.atom.methods.network import NetworkOptions
from atombench.tasks.atom.methods.table import METHODS
from atombench.tasks.atom.task import ATOM
from atombench.tasks.atom.training import make_training
from atombench.volumes.curated import Curated
from benchmarks.timing import REPEATS, median_seconds
from tests.conftest import volume_set
from tests.tasks.atom.methods.naive import NaiveReleased, described_loss

GRID, BATCH, STEPS = BlockGrid(1), 128, 64
LAYOUTS = ((8, 16), (1, 128))  # volumes, sections per volume
WIDTH = 1000  # of level one in the release
SCHEDULE = NetworkOptions().schedule()


def main() -> None:
    device = resolved_device("auto")
    noise = np.random.default_rng(0).random((64, 20, 20, 20), dtype=np.float32)
    data = Curated.of(volume_set((60, 2, 2), noise))
    training = make_training(data, make_manifest(data, AtomBoard("hard", "none", 1)))
    feed = SectionFeed(training.volumes, training.train, GRID, device)
    print(f"{torch.get_num_threads()} threads, {device}; median of {REPEATS}; batch {BATCH}")
    released, described = (network(name, device) for name in ("regismcan-released", "regismcan"))
    wide = network("regismcan", device, width=WIDTH)
    for volumes, sections in LAYOUTS:
        batch = next(feed.batches(volumes, sections, 1, range(1, 2)))
        title = f"{volumes} x {sections} sections:"
        compare(f"{title} regismcan-released against its full graph", released, NaiveReleased(released, GRID).to(device), batch)
        compare(f"{title} regismcan, width 64, against a volume per section", described, PerSection(described), batch)
        compare(f"{title} regismcan, width {WIDTH}, against a volume per section", wide, PerSection(wide), batch)
    volumes, sections = LAYOUTS[0]
    batch = next(feed.batches(volumes, sections, 1, range(1, 2)))
    supply = median_seconds(lambda: [None for _ in feed.batches(volumes, sections, 1, range(1, STEPS + 1))]) / STEPS
    for name in (name for name, entry in METHODS.items() if entry.learned):
        seconds = step_seconds(network(name, device), batch)
        print(f"{name}: step {1000 * seconds:.1f} ms, data supply {1000 * supply:.2f} ms, {100 * supply / seconds:.1f} % of it")


class PerSection(torch.nn.Module):
    """A described network with a loss that shares no computations between sections."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def loss(self, batch: Batch, generator: torch.Generator) -> torch.Tensor:
        """Return the loss of the network, computed by `described_loss`."""
        return described_loss(self.network, batch, generator, GRID)


def network(name: str, device: str, **options: object) -> Any:
    torch.manual_seed(0)
    method: Any = ATOM.registry.build(name, options)
    return method.network(GRID).to(device)


def step_seconds(network: torch.nn.Module, batch: Batch) -> float:
    """Return the median time of an optimiser step, in seconds."""
    optimizers, generator = optimizers_of(network, SCHEDULE), torch.Generator(batch.pixels.device)

    def step() -> None:
        loss = network.loss(batch, generator)
        network.zero_grad(set_to_none=True)
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()
        float(loss.detach())

    step()
    return median_seconds(step)


def compare(title: str, fast: Any, slow: Any, batch: Batch) -> None:
    losses = [float(each.loss(batch, torch.Generator(batch.pixels.device).manual_seed(1)).detach()) for each in (fast, slow)]
    assert abs(losses[0] - losses[1]) < 1e-3 * abs(losses[0])
    fast_seconds, slow_seconds = step_seconds(fast, batch), step_seconds(slow, batch)
    print(
        f"{title}: {1000 * fast_seconds:.1f} ms against {1000 * slow_seconds:.1f} ms, ratio: {slow_seconds / fast_seconds:.2f}"
    )


main()
