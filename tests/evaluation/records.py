"""Result records made up for tests."""

from __future__ import annotations

import numpy as np

from atombench.cost import Cost
from atombench.evaluation.record import Digests, Metric, Record, Stratum, Unit
from atombench.evaluation.statistics import Clustered, estimate


def example(method: str = "constant", seed: int = 1, rate: float = 0.3, gathering: str = "hard", **changes: object) -> Record:
    """A complete record with one strict and one published metric over 20 volumes of 10 sections."""
    rng = np.random.default_rng(seed)
    cluster = np.repeat(np.arange(20), 10)
    cost = Cost(
        seconds=1.5, peak_memory_mib=100.0, peak_gpu_memory_mib=None, device="cpu", threads=1, host={"processor": "a chip"},
        versions={"numpy": "2"}, command="atombench train", started="2026-01-01T00:00:00+00:00",
        commit="c" * 40,
        dirty=False,
    )  # fmt: skip
    metrics = []
    for protocol, name in (("strict", "fine_recall@1"), ("published", "high@5")):
        runs = Clustered.of(rng.random(200) < rate, cluster, 20)
        found = estimate([runs])
        metrics.append(
            Metric(
                protocol=protocol,
                metric=name,
                value=found.value,
                ci_low=found.low,
                ci_high=found.high,
                chance=0.01,
                n_volumes=20,
                n_sections=200,
                sums=runs.sums.tolist(),
                counts=runs.counts.astype(int).tolist(),
            )
        )
    content: dict[str, object] = {
        "unit": Unit(dataset="toy", gathering=gathering, split="none", scale=1, method=method, seed=seed),
        "status": "complete", "role": "control", "options": {"steps": 3}, "about": {"parameters": 7},
        "digests": Digests(volumes="1" * 64, manifest="2" * 64, weights="3" * 64, predictions="4" * 64, code="5" * 64),
        "training": cost, "predicting": cost, "volumes": [f"v{n}" for n in range(20)], "metrics": metrics,
    }  # fmt: skip
    return Record(**{**content, **changes})


def stratum(kind: str, name: str, sums: list[int], counts: list[int], chance: float = 0.01) -> Stratum:
    """A stratum whose value and interval follow from its sums and counts."""
    found = estimate([Clustered(np.array(sums, dtype=float)[:, None], np.array(counts, dtype=float))])
    return Stratum(
        kind=kind, name=name, value=found.value, ci_low=found.low, ci_high=found.high, chance=chance, sums=sums, counts=counts
    )
