"""Build the rows of a board: one per method, and the chance level."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby
from typing import Any

from atombench.board.standings import rank
from atombench.pages.row import CHANCE, Number, Row
from atombench.records.blindness import blind
from atombench.records.metric import Key
from atombench.records.record import Metric, Record
from atombench.records.run_list import LostRun
from atombench.statistics.bootstrap import Estimate, estimates
from atombench.statistics.comparison import Comparison, Standing
from atombench.tasks.task import Task, spec_of

MOST_PARAMETERS = 1e15  # larger numbers are not credible


def make_rows(task: Task, records: Sequence[Record], lost: Sequence[LostRun] = ()) -> tuple[list[Row], list[Comparison]]:
    """Return the rows of one board (best first, then incomplete and failed methods, chance last) and the comparisons.

    Args:
        task: task of the board.
        records: all records of one board, sorted by run.
        lost: runs of the board that ended without a record.
    """
    spec = spec_of(task, task.primary)
    unranked = {run.run.method for run in lost}
    pairs, standings = rank([record for record in records if record.run.method not in unranked], spec, task.references)
    marks = blind(records, spec)
    by_method = {name: list(runs) for name, runs in groupby(records, key=lambda record: record.run.method)}
    rows = []
    for method in sorted({*by_method, *unranked}):
        lost_runs = [run for run in lost if run.run.method == method]
        runs = by_method.get(method, [])
        rows.append(_row(task, method, runs, lost_runs, standings.get(method), marks.get(method, [])))
    sign = -1.0 if spec.higher_is_better else 1.0
    return [*sorted(rows, key=lambda row: _order(row, sign)), *_chance(task, records)], pairs


def _order(row: Row, sign: float) -> tuple[int, float, str]:
    value = sign * row.primary.value if row.primary else math.inf
    return ("complete", "incomplete", "failed").index(row.status), value, row.method


def _row(task: Task, method: str, runs: list[Record], lost: list[LostRun], standing: Standing | None, marks: list[str]) -> Row:
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
        marks=marks,
        facts=_facts(complete),
        newest=max((cost.started for run in runs for cost in run.costs), default=""),
        card=next((run.card for run in runs if run.card), {}),
    )


def pooled(complete: Sequence[Record]) -> dict[Key, Number]:
    """Return the mean of every metric over seeds; the metrics of a single run are taken over without a new bootstrap."""
    first: list[Metric] = complete[0].metrics if complete else []
    means = [Estimate(metric.value, metric.ci_low, metric.ci_high) for metric in first]
    if len(complete) > 1:
        runs = [{(metric.protocol, metric.metric): metric for metric in run.metrics} for run in complete]
        keys = [(metric.protocol, metric.metric) for metric in first]
        means = estimates([[run[key].sample() for run in runs if key in run] for key in keys])
    return {
        (metric.protocol, metric.metric): Number(mean.value, mean.low, mean.high, metric.n_clusters, metric.n_queries)
        for metric, mean in zip(first, means, strict=True)
        if math.isfinite(mean.value) and math.isfinite(mean.low) and math.isfinite(mean.high)
    }


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
    return [Row(CHANCE, "theory", "measured", "theory", task.primary, note, [], [], numbers, None, [], {}, "", {})]


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
