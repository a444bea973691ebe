"""Build the rows of a board: one per method, and the chance level."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from atombench.board.standings import rank
from atombench.errors import ConfigError
from atombench.pages.marks import AT_CEILING, CONFIRMED, EXTRA_DATA, NO_CODE, ONE_SEED, USES, Mark, same_answers
from atombench.pages.row import CHANCE, Number, Row
from atombench.records.confirmations import Confirmed
from atombench.records.metric import Key, MetricSpec
from atombench.records.record import Metric, Record
from atombench.records.run_list import LostRun
from atombench.records.verdicts import Verdict, verdicts
from atombench.statistics.bootstrap import Estimate, estimates
from atombench.statistics.comparison import Comparison, Standing
from atombench.tasks.task import Task, spec_of

MOST_PARAMETERS = 1e15  # larger numbers are not credible


def make_rows(
    task: Task,
    records: Sequence[Record],
    lost: Sequence[LostRun] = (),
    confirmed: Collection[Confirmed] = (),
    ceiling: float | None = None,
) -> tuple[list[Row], list[Comparison]]:
    """Return the rows of one board (best first, then unranked, incomplete and failed methods, chance last) and comparisons.

    Self-reported scores are not ranked, because anyone can compute the labels of a public board, unless a maintainer has
    confirmed them on a secret board.

    Args:
        task: task of the board.
        records: all records of one board, sorted by run.
        lost: runs of the board that ended without a record.
        confirmed: submission, board, seed and digest of the answers that are confirmed.
        ceiling: best primary score that answers from the pixels alone can have; None if unknown.
    """
    spec = spec_of(task, task.primary)
    lacking = {run.run.method for run in lost}
    unranked = lacking | {record.run.method for record in records if not _counts(record, confirmed)}
    pairs, standings = rank([record for record in records if record.run.method not in unranked], spec, task.references)
    found, copies = verdicts(records, spec), _copies(records)
    by_method = {name: list(runs) for name, runs in groupby(records, key=lambda record: record.run.method)}
    rows = []
    for method in sorted({*by_method, *lacking}):
        lost_runs = [run for run in lost if run.run.method == method]
        runs = by_method.get(method, [])
        row = _row(task, method, runs, lost_runs, standings.get(method), found.get(method, []))
        is_confirmed = bool(runs) and all(_key(run) in confirmed for run in runs)
        rows.append(
            replace(row, marks=[*_marks(row, is_confirmed, _seeded(task, row), spec, ceiling), *copies.get(method, [])])
        )
    sign = -1.0 if spec.higher_is_better else 1.0
    return [*sorted(rows, key=lambda row: _order(row, sign)), *_chance(task, records)], pairs


def _counts(record: Record, confirmed: Collection[Confirmed]) -> bool:
    """Return whether a record is ranked: it was measured here, or its answers are confirmed."""
    return record.origin != "self-reported" or _key(record) in confirmed


def _key(record: Record) -> Confirmed:
    return (record.run.method, record.run.board.key, record.run.seed, record.digests.predictions)


def _seeded(task: Task, row: Row) -> bool:
    """Return whether the results of a method depend on a seed, as far as it is known here."""
    try:
        return task.registry.entry(row.method).seeded
    except ConfigError:
        return True


def _marks(row: Row, confirmed: bool, seeded: bool, spec: MetricSpec, ceiling: float | None) -> list[Mark]:
    """Return the marks of a row in the order in which they are shown."""
    marks = [CONFIRMED] if confirmed else []
    marks += [Mark(verdict.mark, USES[verdict.state]) for verdict in row.verdicts if verdict.mark]
    if row.origin == "measured":
        return marks
    number = row.primary
    if ceiling is not None and number is not None and (number.value - ceiling) * (1 if spec.higher_is_better else -1) >= 0:
        marks.append(AT_CEILING)
    if len(row.seeds) == 1 and (row.origin == "self-reported" or seeded):
        marks.append(ONE_SEED)
    if row.card.get("extra_data"):
        marks.append(EXTRA_DATA)
    if row.origin == "self-reported" and row.card.get("code", "none") == "none":
        marks.append(NO_CODE)
    return marks


def _copies(records: Sequence[Record]) -> dict[str, list[Mark]]:
    """Return the mark of each submission with the same answers as another method."""
    owners: dict[str, list[Record]] = {}
    for record in records:
        if record.ended and record.answers:
            owners.setdefault(record.answers, []).append(record)
    marks: dict[str, list[Mark]] = {}
    for equal in owners.values():
        for record in equal:
            others = sorted({other.run.method for other in equal} - {record.run.method})
            if record.origin != "measured" and others and record.run.method not in marks:
                marks[record.run.method] = [same_answers(", ".join(others))]
    return marks


def _order(row: Row, sign: float) -> tuple[int, float, str]:
    value = sign * row.primary.value if row.primary else math.inf
    unranked = row.status == "complete" and row.standing is None
    return ("complete", "unranked", "incomplete", "failed").index("unranked" if unranked else row.status), value, row.method


def _row(
    task: Task, method: str, runs: list[Record], lost: list[LostRun], standing: Standing | None, found: list[Verdict]
) -> Row:
    complete = [run for run in runs if run.ended]
    failed: list[Record | LostRun] = [*(run for run in runs if not run.ended), *lost]
    return Row(
        method=method,
        role=runs[0].role if runs else lost[0].role,
        origin=runs[0].origin if runs else "measured",
        status="complete" if not failed else "incomplete" if complete else "failed",
        ranked=task.primary,
        note=next((str(run.card["note"]) for run in runs if "note" in run.card), "") or task.registry.note(method),
        seeds=[run.run.seed for run in runs],
        reasons=[f"seed {run.run.seed}: {run.reason or 'no reason was recorded'}" for run in failed],
        numbers=pooled(complete),
        standing=standing,
        marks=[],
        verdicts=found,
        facts=_facts(complete),
        newest=max((cost.started for run in runs for cost in run.costs), default=""),
        card=next((run.card for run in runs if run.card), {}),
    )


def pooled(complete: Sequence[Record]) -> dict[Key, Number]:
    """Return the mean of every metric over seeds; the metrics of a single run are taken over without a new bootstrap.

    A single cluster has no interval, since nothing can be resampled.
    """
    first: list[Metric] = complete[0].metrics if complete else []
    means = [Estimate(metric.value, metric.ci_low, metric.ci_high) for metric in first]
    if len(complete) > 1:
        runs = [{(metric.protocol, metric.metric): metric for metric in run.metrics} for run in complete]
        keys = [(metric.protocol, metric.metric) for metric in first]
        means = estimates([[run[key].sample() for run in runs if key in run] for key in keys])
    numbers = {}
    for metric, mean in zip(first, means, strict=True):
        if math.isfinite(mean.value) and math.isfinite(mean.low) and math.isfinite(mean.high):
            low, high = (mean.low, mean.high) if metric.n_clusters > 1 else (None, None)
            numbers[metric.protocol, metric.metric] = Number(mean.value, low, high, metric.n_clusters, metric.n_queries)
    return numbers


def _chance(task: Task, records: Sequence[Record]) -> list[Row]:
    numbers: dict[Key, Number] = {}
    for record in records:
        for metric in record.metrics:
            if metric.chance is not None:
                level = Number(metric.chance, None, None, metric.n_clusters, metric.n_queries)
                numbers.setdefault((metric.protocol, metric.metric), level)
    if not numbers:
        return []
    note = "theoretical expectation for random answers"
    return [Row(CHANCE, "theory", "measured", "theory", task.primary, note, [], [], numbers, None, [], [], {}, "", {})]


def _facts(runs: Sequence[Record]) -> dict[str, float]:
    """Return mean costs over seeds, and the number of parameters."""
    facts: dict[str, list[float]] = {}
    for run in runs:
        for name, value in _facts_of(run).items():
            facts.setdefault(name, []).append(value)
    return {name: sum(values) / len(values) for name, values in facts.items()}


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
    gpu_mib = [cost.peak_gpu_memory_mib for cost in run.costs if cost.peak_gpu_memory_mib is not None]
    return {**facts, "peak_gpu_mib": max(gpu_mib)} if gpu_mib else facts
