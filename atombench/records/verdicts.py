"""Verdicts on whether a method uses its inputs, from its score on exchanged cases.

The absence of a significant difference does not prove equivalence. A verdict therefore uses an equivalence margin: the fall of
the score is above the margin, within it, or too uncertain to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from atombench.records.metric import OWN, SHIFT, SWAP, MetricSpec, is_exchange
from atombench.records.record import Record
from atombench.statistics.bootstrap import COVERAGE, Sample, point, resampled_methods

MARGIN = 0.1  # of the method's own score: a smaller fall is no fall
RECITED = 0.5  # of the method's own score: who loses more when the volume moves recites positions
State = Literal["uses", "blind", "follows", "recites", "undecided"]


@dataclass(frozen=True)
class Verdict:
    """Verdict on one exchange.

    Attributes:
        exchange: protocol, such as `volume-swap` or `shift`.
        state: `uses` the input or is `blind` to it, for swaps; `follows` or `recites` positions, for shifts; or `undecided`.
        own: score of the true queries about which the exchanged cases ask.
        fall: by how much the score of the exchanged cases is worse.
        low: lower end of the 95 % interval of the fall.
        high: upper end.
    """

    exchange: str
    state: State
    own: float
    fall: float
    low: float
    high: float

    @property
    def mark(self) -> str:
        """The mark in tables; empty if there is none."""
        if self.exchange == SHIFT:
            return "recites-positions" if self.state == "recites" else ""
        name = self.exchange.removesuffix(SWAP)
        return {"blind": f"{name}-blind", "undecided": f"{name}-undecided"}.get(self.state, "")


def verdicts(records: Sequence[Record], spec: MetricSpec) -> dict[str, list[Verdict]]:
    """Return the verdicts on each method of a board with exchanged cases.

    Each run is compared with itself, on the same queries, with the same resampled volumes and seeds, so differences between
    seeds cancel.

    Args:
        records: records of one board.
        spec: the primary metric.
    """
    found: dict[str, list[Verdict]] = {}
    sign = 1.0 if spec.higher_is_better else -1.0
    protocols = {metric.protocol for record in records for metric in record.metrics}
    for exchange in sorted(filter(is_exchange, protocols), key=lambda name: (name == SHIFT, name)):
        own = complete_samples(records, exchange, f"{OWN}{spec.name}")
        other = {method: runs for method, runs in complete_samples(records, exchange, spec.name).items() if method in own}
        if not other:
            continue
        falls = sign * (resampled_methods({method: own[method] for method in other}) - resampled_methods(other))
        ends = np.percentile(falls, [50 * (1 - COVERAGE), 50 * (1 + COVERAGE)], axis=1).T
        for (method, runs), (low, high) in zip(other.items(), ends, strict=True):
            score = point(own[method])
            state = _state(exchange, abs(score), float(low), float(high))
            verdict = Verdict(exchange, state, score, sign * (score - point(runs)), float(low), float(high))
            found.setdefault(method, []).append(verdict)
    return found


def _state(exchange: str, own: float, low: float, high: float) -> State:
    margin = MARGIN * own
    if own <= 0 or not np.isfinite([low, high]).all():
        return "undecided"
    if exchange == SHIFT:
        return "follows" if high <= margin else "recites" if low >= RECITED * own else "undecided"
    return "uses" if low > margin else "blind" if low >= -margin and high <= margin else "undecided"


def complete_samples(records: Sequence[Record], protocol: str, metric: str) -> dict[str, list[Sample]]:
    """Return the samples of a metric of every seed, for methods with this metric and without failed runs."""
    failed = {record.run.method for record in records if not record.ended}
    runs: dict[str, list[Sample]] = {}
    for record in records:
        number = record.find(protocol, metric)
        if number is not None and record.run.method not in failed:
            runs.setdefault(record.run.method, []).append(number.sample())
    return runs
