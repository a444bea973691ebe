"""The rows of a board: one per method, with everything that its pages say of it. All pages are made from these."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, Literal

from atombench.board.standings import blind, rank
from atombench.engine.method_name import MethodName
from atombench.errors import ConfigError
from atombench.records.record import Metric, Origin, Record
from atombench.records.run_list import LostRun
from atombench.statistics.bootstrap import Estimate, estimates
from atombench.statistics.comparison import Comparison, Standing
from atombench.tasks.atom.methods.table import METHODS
from atombench.tasks.atom.metrics import PRIMARY

CHANCE = "chance"
MOST_PARAMETERS = 1e15  # nobody has learned more numbers
RANKED = ("strict", PRIMARY)
Key = tuple[str, str]  # protocol, metric
Status = Literal["complete", "incomplete", "failed", "theory"]


@dataclass(frozen=True)
class Number:
    """A value with its 95 % interval (none for theory), and how many volumes and sections it is about."""

    value: float
    low: float | None
    high: float | None
    volumes: int
    sections: int


@dataclass(frozen=True)
class Row:
    """A method on a board.

    Attributes:
        status: `incomplete` where a seed has failed or was lost, `failed` where all have; `theory` for the chance level.
        reasons: why runs failed.
        numbers: mean over seeds, by protocol and metric.
        standing: none unless the method is complete.
        marks: which inputs it does not look at.
        facts: parameters, seconds, MiB; what is not known is missing.
        newest: when its newest run began; empty where nobody knows.
        card: what a submitter says of it.
    """

    method: str
    role: str
    origin: Origin
    status: Status
    note: str
    seeds: list[int]
    reasons: list[str]
    numbers: Mapping[Key, Number]
    standing: Standing | None
    marks: list[str]
    facts: Mapping[str, float]
    newest: str
    card: Mapping[str, Any]

    @property
    def primary(self) -> Number | None:
        """The number that is ranked."""
        return self.numbers.get(RANKED)

    def short(self) -> Row:
        """The row with its ranked number alone, which is all that pages over many boards show."""
        return replace(self, numbers={RANKED: self.numbers[RANKED]} if RANKED in self.numbers else {}, facts=_parameters(self))


def _parameters(row: Row) -> dict[str, float]:
    return {name: value for name, value in row.facts.items() if name == "parameters"}


def make_rows(records: Sequence[Record], lost: Sequence[LostRun] = ()) -> tuple[list[Row], list[Comparison]]:
    """Rows of one board, best first, incomplete and failed ones below, the chance level last; and the comparisons.

    Args:
        records: all of one board, sorted by unit.
        lost: units of the board that ended without a record.
    """
    unranked = {one.unit.method for one in lost}
    pairs, standings = rank([record for record in records if record.unit.method not in unranked])
    marks = blind(records)
    by_method = {name: list(runs) for name, runs in groupby(records, key=lambda record: record.unit.method)}
    rows = []
    for method in sorted({*by_method, *unranked}):
        gone = [one for one in lost if one.unit.method == method]
        rows.append(_row(method, by_method.get(method, []), gone, standings.get(method), marks.get(method, [])))
    return [*sorted(rows, key=_order), *_chance(records)], pairs


def _order(row: Row) -> tuple[int, float, str]:
    value = row.primary.value if row.primary else 0.0
    return ("complete", "incomplete", "failed").index(row.status), -value, row.method


def _row(method: str, runs: list[Record], lost: list[LostRun], standing: Standing | None, marks: list[str]) -> Row:
    complete = [run for run in runs if run.status == "complete"]
    ended: list[Record | LostRun] = [*(run for run in runs if run.status == "failed"), *lost]
    return Row(
        method=method,
        role=runs[0].role if runs else lost[0].role,
        origin=runs[0].origin if runs else "platform",
        status="complete" if not ended else "incomplete" if complete else "failed",
        note=next((str(run.card["note"]) for run in runs if "note" in run.card), "") or note_of(method),
        seeds=[run.unit.seed for run in runs],
        reasons=[f"seed {one.unit.seed}: {one.reason or 'no reason was recorded'}" for one in ended],
        numbers=pooled(complete),
        standing=standing,
        marks=marks,
        facts=_facts(complete),
        newest=max((cost.started for run in runs for cost in run.costs), default=""),
        card=next((run.card for run in runs if run.card), {}),
    )


def pooled(complete: Sequence[Record]) -> dict[Key, Number]:
    """Mean of every metric over seeds; one run's own numbers need no new bootstrap."""
    first: list[Metric] = complete[0].metrics if complete else []
    found = [Estimate(one.value, one.ci_low, one.ci_high) for one in first]
    if len(complete) > 1:
        others = [{(one.protocol, one.metric): one for one in run.metrics} for run in complete]
        found = estimates(
            [[run[key].clustered() for run in others if key in run] for key in ((one.protocol, one.metric) for one in first)]
        )
    return {
        (one.protocol, one.metric): Number(mean.value, mean.low, mean.high, one.n_volumes, one.n_sections)
        for one, mean in zip(first, found, strict=True)
        if math.isfinite(mean.value) and math.isfinite(mean.low) and math.isfinite(mean.high)
    }


def _chance(records: Sequence[Record]) -> list[Row]:
    numbers: dict[Key, Number] = {}
    for record in records:
        for found in record.metrics:
            if found.chance is not None:
                level = Number(found.chance, None, None, found.n_volumes, found.n_sections)
                numbers.setdefault((found.protocol, found.metric), level)
    if not numbers:
        return []
    note = "expectation for uniform random scores, by theory"
    return [Row(CHANCE, "theory", "platform", "theory", note, [], [], numbers, None, [], {}, "", {})]


def _facts(runs: Sequence[Record]) -> dict[str, float]:
    """Means over seeds of what a run costs, and the number of parameters."""
    found: dict[str, list[float]] = {}
    for run in runs:
        for name, value in _facts_of(run).items():
            found.setdefault(name, []).append(value)
    return {name: sum(values) / len(values) for name, values in found.items()}


def _facts_of(run: Record) -> dict[str, float]:
    facts: dict[str, float] = {}
    parameters: Any = run.about.get("parameters")
    if isinstance(parameters, (int, float)) and not isinstance(parameters, bool) and 0 <= parameters <= MOST_PARAMETERS:
        facts["parameters"] = parameters
    if run.training is not None:
        facts["train_seconds"] = run.training.seconds
    if run.predicting is not None:
        facts["predict_seconds"] = run.predicting.seconds
    if run.costs:
        facts["peak_mib"] = max(cost.peak_memory_mib for cost in run.costs)
    graphics = [cost.peak_gpu_memory_mib for cost in run.costs if cost.peak_gpu_memory_mib is not None]
    return {**facts, "peak_gpu_mib": max(graphics)} if graphics else facts


def note_of(method: str) -> str:
    """What the table of methods says of a label; submitted methods say it themselves."""
    try:
        label = MethodName.read(method)
    except ConfigError:
        return ""
    note = METHODS[label.name].note if label.name in METHODS else ""
    note = f"variant {label.variant}: {note}" if label.variant else note
    return f"trained on {label.source}: {note}" if label.source else note
