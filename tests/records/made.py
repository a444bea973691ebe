"""Result records made up for tests."""

from __future__ import annotations

import base64

import numpy as np

from atombench.io.images import as_png
from atombench.provenance.cost import Cost
from atombench.records.record import Answer, Digests, Failure, Metric, Record, ReliabilityBin, Stratum, Unit
from atombench.statistics.bootstrap import Clustered, estimate


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


VOLUMES, SECTIONS = 24, 168  # as in the default run
RECALLS = [
    ("published", "high@1"), ("published", "oracle_low@1"), ("published", "high@5"), ("published", "oracle_low@5"),
    *(("strict", f"fine_recall@{k}") for k in (1, 5, 10)), ("strict", "coarse_recall@1"), ("strict", "coarse_recall@5"),
    ("strict", "mean_reciprocal_rank"), ("strict", "calibration_error"), ("strict", "centre_voxel"), ("strict", "centre_mm"),
    *((swap, f"fine_recall@{k}") for swap in ("volume-swap", "section-swap") for k in (1, 5, 10)),
]  # fmt: skip
KINDS = {
    "background": ["none", "below half", "half or more", "all"], "depth": [f"k {5 * k} to {5 * k + 4}" for k in range(4)],
    "facing": ["i", "j", "k"], "block": [f"block {number:02d}" for number in range(27)],
}  # fmt: skip


def full(method: str, seed: int = 1, rate: float = 0.3, sections: tuple[int, ...] = (), **changes: object) -> Record:
    """A record of a network with everything that one of the default run holds, and as long; `sections` are those answered."""
    rng = np.random.default_rng([seed, *method.encode()])
    metrics = [_metric(protocol, name, rng.binomial(SECTIONS, rate, VOLUMES).tolist()) for protocol, name in RECALLS]
    strata = [
        stratum(kind, name, rng.binomial(7, rate, VOLUMES).tolist(), [7] * VOLUMES)
        for kind, names in KINDS.items()
        for name in names
    ]  # fmt: skip
    curve = [{"step": 10.0 * n, "train/loss": 5 / n, "val/fine_recall@1": rate * n / 20} for n in range(1, 21)]
    answers = [
        Answer(
            section=section, rank=1 + int(rng.integers(9)), box=int(rng.integers(729)), centre=[9.0, 9.5, 10.0],
            normal=[0.0, 0.6, 0.8], scores=base64.b64encode(rng.integers(0, 256, 729, dtype=np.uint8).tobytes()).decode(),
        )
        for section in sections
    ]  # fmt: skip
    failures = [
        Failure(
            section=number, volume=f"v{number}", rank=7, box=100, distance_voxel=4.2, pixels=as_png(rng.random((4, 4))),
            there=as_png(rng.random((20, 20))), answered=as_png(rng.random((20, 20))),
        )
        for number in range(4)
    ]  # fmt: skip
    bins = [ReliabilityBin(count=30, confidence=(n + 0.5) / 15, right=rate * (n + 0.5) / 15) for n in range(15)]
    content: dict[str, object] = {
        "role": "network", "metrics": metrics, "strata": strata, "curve": curve, "answers": answers, "failures": failures,
        "reliability": bins, "volumes": [f"v{number:04d}" for number in range(VOLUMES)],
        "errors": {"centre_mm": [0.3 * n for n in range(21)], "centre_voxel": [0.2 * n for n in range(21)]},
        "about": {"parameters": 1000 * (1 + len(method))},
    }  # fmt: skip
    return example(method, seed, **{**content, **changes})


def _metric(protocol: str, name: str, sums: list[int]) -> Metric:
    runs = Clustered(np.array(sums, dtype=float)[:, None], np.full(VOLUMES, float(SECTIONS)))
    found = estimate([runs])
    return Metric(
        protocol=protocol, metric=name, value=found.value, ci_low=found.low, ci_high=found.high, chance=0.01,
        n_volumes=VOLUMES, n_sections=VOLUMES * SECTIONS, sums=runs.sums.tolist(), counts=runs.counts.astype(int).tolist(),
    )  # fmt: skip
