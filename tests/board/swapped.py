"""Synthetic records with a given recall, also for swap tests."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from atombench.records.record import Metric, Record
from atombench.statistics.bootstrap import Clustered
from tests.records.made import example, metric_of

CLUSTER = np.repeat(np.arange(20), 10)


def hits_of(protocol: str, hits: NDArray[np.bool_], name: str = "fine_recall@1") -> Metric:
    """Return recall@1 of 200 sections of 20 volumes."""
    return metric_of(protocol, name, Clustered.of(hits, CLUSTER, 20))


def exchange_of(protocol: str, own: NDArray[np.bool_], exchanged: NDArray[np.bool_]) -> list[Metric]:
    """Return recall@1 of exchanged cases, and of the true queries that they ask about."""
    return [hits_of(protocol, exchanged), hits_of(protocol, own, "own_fine_recall@1")]


def record(method: str, rate: float, swapped: tuple[float, float] | None = None, seed: int = 1, **changes: Any) -> Record:
    """Return a record with recall `rate`; `swapped` is the recall with volumes and with sections exchanged, if any."""
    rng = np.random.default_rng(seed)
    own = rng.random(200) < rate
    metrics = [hits_of("strict", own)]
    for protocol, other in zip(("volume-swap", "section-swap"), swapped or (), strict=False):
        metrics += exchange_of(protocol, own, own if other == rate else rng.random(200) < other)
    return example(method, seed, **{"metrics": metrics, **changes})
