"""Trained on one organ, tested on another: recall@1 by method, dataset of the training and dataset of the test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from atombench.engine.method_name import MethodName
from atombench.errors import ConfigError
from atombench.records.record import Record
from atombench.statistics.bootstrap import Clustered, Estimate, estimate
from atombench.tasks.atom.metrics import PRIMARY

Kind = tuple[str, str, int, str, int]  # gathering, split, scale, degradation, severity


@dataclass(frozen=True)
class Transfers:
    """One kind of board over several datasets.

    Attributes:
        title: gathering, split and scale.
        tested: datasets that are tested on, in order.
        constant: recall@1 of the constant control, by dataset tested on.
        rows: method, dataset trained on, and its numbers by dataset tested on.
    """

    title: str
    tested: list[str]
    constant: dict[str, Estimate]
    rows: list[tuple[str, str, dict[str, Estimate]]]


def transfers(records: Sequence[Record]) -> list[Transfers]:
    """One table for each kind of board on which a method stands that was trained on another dataset."""
    runs: dict[Kind, dict[tuple[str, str, str], list[Clustered]]] = {}
    for record in records:
        found, label = record.find("strict", PRIMARY), _label(record.unit.method)
        if record.status != "complete" or found is None or label is None:
            continue
        unit = record.unit
        kind = (unit.gathering, unit.split, unit.scale, unit.degradation, unit.severity)
        cell = (label.configured, label.source or unit.dataset, unit.dataset)
        runs.setdefault(kind, {}).setdefault(cell, []).append(found.clustered())
    return [table for kind in sorted(runs) if (table := _table(kind, runs[kind]))]


def _label(method: str) -> MethodName | None:
    try:
        return MethodName.read(method)
    except ConfigError:
        return None


def _table(kind: Kind, runs: dict[tuple[str, str, str], list[Clustered]]) -> Transfers | None:
    moved = sorted({method for method, source, target in runs if source != target})
    if not moved:
        return None
    tested = sorted({target for method, _, target in runs if method in moved})
    rows = [
        (method, source, {t: estimate(runs[method, source, t]) for t in tested if (method, source, t) in runs})
        for method in moved
        for source in sorted({source for name, source, _ in runs if name == method})
    ]
    constant = {t: estimate(runs["constant", t, t]) for t in tested if ("constant", t, t) in runs}
    gathering, split, scale, degradation, severity = kind
    title = f"{gathering}, split {split}, scale {scale}, {degradation}" + (f" {severity}" if severity else "")
    return Transfers(title, tested, constant, rows)
