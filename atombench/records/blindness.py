"""Detection of methods that do not use an input, because exchanging it makes no difference."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from atombench.records.metric import EXCHANGED, MetricSpec
from atombench.records.record import Record
from atombench.statistics.bootstrap import COVERAGE, Sample, point, resampled_methods
from atombench.statistics.comparison import p_values


def blind(records: Sequence[Record], spec: MetricSpec) -> dict[str, list[str]]:
    """Return the methods that do not use an input: exchanging it causes no significant decrease.

    Each run is compared with itself, with the same resampled volumes and seeds, so differences between seeds cancel.

    Returns:
        Marks such as `volume-blind` by method.
    """
    own = complete_samples(records, spec.protocol, spec.name)
    marks: dict[str, list[str]] = {}
    sign = 1.0 if spec.higher_is_better else -1.0
    for swap in dict.fromkeys(metric.protocol for record in records for metric in record.metrics):
        exchanged = {
            method: runs for method, runs in complete_samples(records, swap, spec.name).items() if method in own
        }  # empty for other protocols
        if not swap.endswith(EXCHANGED) or not exchanged:
            continue
        falls = sign * (resampled_methods({method: own[method] for method in exchanged}) - resampled_methods(exchanged))
        fallen = sign * np.array([point(own[method]) - point(runs) for method, runs in exchanged.items()])
        significant = p_values(fallen, falls, len(next(iter(exchanged.values()))[0].counts)) < 1 - COVERAGE
        for method, uses in zip(exchanged, (fallen > 0) & significant, strict=True):
            if not uses:
                marks.setdefault(method, []).append(f"{swap.removesuffix(EXCHANGED)}-blind")
    return marks


def complete_samples(records: Sequence[Record], protocol: str, metric: str) -> dict[str, list[Sample]]:
    """Return the samples of a metric of every seed, for methods with this metric and without failed runs."""
    failed = {record.run.method for record in records if not record.ended}
    runs: dict[str, list[Sample]] = {}
    for record in records:
        number = record.find(protocol, metric)
        if number is not None and record.run.method not in failed:
            runs.setdefault(record.run.method, []).append(number.sample())
    return runs
