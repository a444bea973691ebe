"""The long table behind the board: one row per number."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

import pandas as pd

from atombench.evaluation.record import Metric, Record
from atombench.evaluation.statistics import estimate
from atombench.runs import LostRun

BOARD_COLUMNS = ["task", "dataset", "gathering", "split", "scale", "degradation", "severity"]
COLUMNS = [
    *BOARD_COLUMNS, "method", "seed", "protocol", "metric", "value", "ci_low", "ci_high", "n_volumes", "n_sections", "status",
]  # fmt: skip
ALL_SEEDS = "all"
CHANCE = "chance"


def long_table(records: Iterable[Record], lost: Sequence[LostRun] = ()) -> pd.DataFrame:
    """Every number of every record, each method's mean over its seeds (seed `all`), and the chance levels by theory.

    Intervals are 95 % percentile bootstraps over volumes; those over several seeds resample seeds as well. A failed run is a
    row without a value, and so is one that was lost; either makes its method incomplete.
    """
    rows: list[dict[str, object]] = []
    missing = {(one.unit.board, one.unit.method) for one in lost}
    for board, group in groupby(sorted(records, key=lambda record: record.unit.key), key=lambda record: record.unit.board):
        place = dict(zip(BOARD_COLUMNS, board, strict=True))
        on_board = list(group)
        for method, repeated in groupby(on_board, key=lambda record: record.unit.method):
            runs = list(repeated)
            for run in runs:
                rows += [{**place, "method": method, "seed": str(run.unit.seed), **row} for row in _single(run)]
            rows += [{**place, "method": method, "seed": ALL_SEEDS, **row} for row in _pooled(runs, (board, method) in missing)]
        rows += [{**place, "method": CHANCE, "seed": ALL_SEEDS, **row} for row in _chance(on_board)]
    for one in lost:
        place = dict(zip(BOARD_COLUMNS, one.unit.board, strict=True))
        rows.append({**place, "method": one.unit.method, "seed": str(one.unit.seed), "status": "failed"})
    return pd.DataFrame(rows, columns=COLUMNS)


def _single(run: Record) -> list[dict[str, object]]:
    if run.status == "failed":
        return [{"status": "failed"}]
    return [
        _numbers(found, found.value, found.ci_low, found.ci_high, run.status)
        for found in run.metrics
    ]  # fmt: skip


def _numbers(found: Metric, value: float, low: float | None, high: float | None, status: str) -> dict[str, object]:
    return {
        "protocol": found.protocol, "metric": found.metric, "value": value, "ci_low": low, "ci_high": high,
        "n_volumes": found.n_volumes, "n_sections": found.n_sections, "status": status,
    }  # fmt: skip


def _pooled(runs: list[Record], lost: bool) -> list[dict[str, object]]:
    """Mean over seeds; `incomplete` when a seed has failed or was lost."""
    complete = [run for run in runs if run.status == "complete"]
    status = "complete" if len(complete) == len(runs) and not lost else "incomplete"
    rows = []
    for first in complete[0].metrics if complete else []:
        same = [found for run in complete if (found := run.find(first.protocol, first.metric))]
        pooled = estimate([found.clustered() for found in same])
        rows.append(_numbers(first, pooled.value, pooled.low, pooled.high, status))
    return rows


def _chance(runs: list[Record]) -> list[dict[str, object]]:
    levels: dict[tuple[str, str], dict[str, object]] = {}
    for run in runs:
        for found in run.metrics:
            if found.chance is not None:
                levels.setdefault((found.protocol, found.metric), _numbers(found, found.chance, None, None, "theory"))
    return list(levels.values())
