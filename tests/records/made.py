"""Result records made up for tests."""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np

from atombench.io.images import as_png
from atombench.provenance.cost import Cost
from atombench.records.board import CLEAN, Board
from atombench.records.record import Digests, Metric, Record, ReliabilityBin, Stratum, save_record
from atombench.records.run import Run
from atombench.records.run_list import save_run
from atombench.statistics.bootstrap import Clustered, Grouped, estimate
from atombench.tasks.atom.shown import Answer, Failure, Shown

COST = Cost(
    seconds=1.5,
    peak_memory_mib=100.0,
    peak_gpu_memory_mib=None,
    device="cpu",
    threads=1,
    host={"processor": "a chip"},
    versions={"numpy": "2"},
    command="atombench train",
    started="2026-01-01T00:00:00+00:00",
    commit="c" * 40,
    dirty=False,
)
DIGESTS = Digests(data="1" * 64, manifest="2" * 64, weights="3" * 64, predictions="4" * 64, code="5" * 64)


def example(
    method: str = "constant",
    seed: int = 1,
    rate: float = 0.3,
    gathering: str = "hard",
    condition: str = CLEAN,
    **changes: object,
) -> Record:
    """A complete record with one strict and one published metric over 20 volumes of 10 sections."""
    rng = np.random.default_rng(seed)
    cluster = np.repeat(np.arange(20), 10)
    metrics = [
        metric_of(protocol, name, Clustered.of(rng.random(200) < rate, cluster, 20))
        for protocol, name in (("strict", "fine_recall@1"), ("published", "high@5"))
    ]
    content: dict[str, object] = {
        "protocol_version": "1.1",
        "run": Run.of(Board("atom", "toy", f"{gathering}-none-x1"), method, seed, condition),
        "status": "complete",
        "role": "control",
        "options": {"steps": 3},
        "about": {"parameters": 7},
        "digests": DIGESTS,
        "training": COST,
        "predicting": COST,
        "clusters": [f"v{n}" for n in range(20)],
        "metrics": metrics,
    }
    return Record(**{**content, **changes})


def listed(folder: Path, *records: Record) -> Path:
    """Write records and a run list of them; return the path of the list."""
    paths = []
    for number, record in enumerate(records):
        paths.append(folder / "records" / str(number) / "record.json")
        save_record(paths[-1], record)
    save_run(folder / "run.json", "test", {}, paths)
    return folder / "run.json"


def stratum(kind: str, name: str, sums: list[int], counts: list[int], chance: float = 0.01) -> Stratum:
    """A stratum whose value and interval follow from its sums and counts."""
    found = estimate([Clustered(np.array(sums, dtype=float)[:, None], np.array(counts, dtype=float))])
    return Stratum(
        kind=kind, name=name, value=found.value, ci_low=found.low, ci_high=found.high, chance=chance, sums=sums, counts=counts
    )


def metric_of(protocol: str, name: str, sample: Clustered | Grouped, chance: float | None = 0.01) -> Metric:
    """A metric whose value and interval follow from a sample: a mean, or a median for grouped values."""
    found = estimate([sample])
    sums, values = [], []
    if isinstance(sample, Clustered):
        sums = sample.sums.tolist()
    else:
        values = [sample.values[sample.cluster == cluster].tolist() for cluster in range(sample.clusters)]
    return Metric(
        protocol=protocol,
        metric=name,
        value=found.value,
        ci_low=found.low,
        ci_high=found.high,
        chance=chance,
        n_clusters=int((sample.counts > 0).sum()),
        n_queries=int(sample.counts.sum()),
        sums=sums,
        values=values,
        counts=sample.counts.astype(int).tolist(),
    )


VOLUMES, SECTIONS = 24, 168  # as in the default run
RECALLS = [
    ("published", "high@1"),
    ("published", "oracle_low@1"),
    ("published", "high@5"),
    ("published", "oracle_low@5"),
    *(("strict", f"fine_recall@{k}") for k in (1, 5, 10)),
    ("strict", "coarse_recall@1"),
    ("strict", "coarse_recall@5"),
    ("strict", "mean_reciprocal_rank"),
    ("strict", "calibration_error"),
    ("strict", "centre_hit"),
    ("strict", "centre_voxel"),
    ("strict", "centre_mm"),
    *((swap, f"fine_recall@{k}") for swap in ("volume-swap", "section-swap") for k in (1, 5, 10)),
]
KINDS = {
    "background": ["none", "below half", "half or more", "all"],
    "depth": [f"k {5 * k} to {5 * k + 4}" for k in range(4)],
    "facing": ["i", "j", "k"],
    "block": [f"block {number:02d}" for number in range(27)],
}


def full(method: str, seed: int = 1, rate: float = 0.3, sections: tuple[int, ...] = (), **changes: object) -> Record:
    """A record of a network with everything that one of the default run holds, and as long; `sections` are those answered."""
    rng = np.random.default_rng([seed, *method.encode()])
    metrics = [_metric(protocol, name, rng.binomial(SECTIONS, rate, VOLUMES).tolist()) for protocol, name in RECALLS]
    strata = [
        stratum(kind, name, rng.binomial(7, rate, VOLUMES).tolist(), [7] * VOLUMES)
        for kind, names in KINDS.items()
        for name in names
    ]
    curve = [{"step": 10.0 * n, "train/loss": 5 / n, "val/fine_recall@1": rate * n / 20} for n in range(1, 21)]
    answers = [
        Answer(
            section=section,
            rank=1 + int(rng.integers(9)),
            box=int(rng.integers(729)),
            centre=[9.0, 9.5, 10.0],
            normal=[0.0, 0.6, 0.8],
            scores=base64.b64encode(rng.integers(0, 256, 729, dtype=np.uint8).tobytes()).decode(),
        )
        for section in sections
    ]
    failures = [
        Failure(
            section=number,
            volume=f"v{number}",
            rank=7,
            box=100,
            distance_voxel=4.2,
            pixels=as_png(rng.random((4, 4))),
            there=as_png(rng.random((20, 20))),
            answered=as_png(rng.random((20, 20))),
        )
        for number in range(4)
    ]
    bins = [ReliabilityBin(count=30, confidence=(n + 0.5) / 15, right=rate * (n + 0.5) / 15) for n in range(15)]
    content: dict[str, object] = {
        "role": "network",
        "metrics": metrics,
        "strata": strata,
        "curve": curve,
        "own": Shown(answers=answers, failures=failures).model_dump(),
        "reliability": bins,
        "clusters": [f"v{number:04d}" for number in range(VOLUMES)],
        "errors": {"centre_mm": [0.3 * n for n in range(21)], "centre_voxel": [0.2 * n for n in range(21)]},
        "about": {"parameters": 1000 * (1 + len(method))},
    }
    return example(method, seed, **{**content, **changes})


def _metric(protocol: str, name: str, sums: list[int]) -> Metric:
    return metric_of(protocol, name, Clustered(np.array(sums, dtype=float)[:, None], np.full(VOLUMES, float(SECTIONS))))
