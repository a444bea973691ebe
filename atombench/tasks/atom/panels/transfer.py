"""Trained on one organ, tested on another: recall@1 by method, dataset of the training and dataset of the test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from atombench.engine.method_name import MethodName
from atombench.errors import ConfigError
from atombench.records.board import CLEAN, Board
from atombench.records.metric import STRICT
from atombench.records.record import Record
from atombench.statistics.bootstrap import Estimate, Sample, estimate
from atombench.tasks.atom.board import AtomBoard
from atombench.tasks.atom.protocol import PRIMARY

Kind = tuple[str, str]  # name of the board, condition


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
    runs: dict[Kind, dict[tuple[str, str, str], list[Sample]]] = {}
    for record in records:
        found, label = record.find(STRICT, PRIMARY), _label(record.run.method)
        if not record.ended or found is None or label is None:
            continue
        run = record.run
        cell = (label.configured, label.source or run.dataset, run.dataset)
        runs.setdefault((run.name, run.condition), {}).setdefault(cell, []).append(found.sample())
    return [table for kind in sorted(runs) if (table := _table(kind, runs[kind]))]


def _label(method: str) -> MethodName | None:
    try:
        return MethodName.read(method)
    except ConfigError:
        return None


def _table(kind: Kind, runs: dict[tuple[str, str, str], list[Sample]]) -> Transfers | None:
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
    name, condition = kind
    title = ", ".join([AtomBoard.of(Board("atom", "", name)).title, *([] if condition == CLEAN else [condition])])
    return Transfers(title, tested, constant, rows)
