"""Long table of a board: one row per number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import pyarrow as pa
from pyarrow import csv

from atombench.pages.row import Row
from atombench.records.board import Setting
from atombench.records.record import Record
from atombench.records.run_list import LostRun

BOARD_COLUMNS = ["task", "dataset", "gathering", "split", "scale", "degradation", "severity"]
NUMBERS = ["method", "seed", "protocol", "metric", "value", "ci_low", "ci_high", "n_volumes", "n_sections", "status"]
LATER = ["board", "condition", "origin", "n_seeds"]
COLUMNS = [*BOARD_COLUMNS, *NUMBERS, *LATER]
ALL_SEEDS = "all"


def long_table(
    rows: Sequence[Row],
    records: Sequence[Record],
    lost: Sequence[LostRun],
    setting: Setting,
    coordinates: Mapping[str, str],
) -> pd.DataFrame:
    """Return every number of every record of one setting, each method's mean over its seeds (seed `all`), and chance levels.

    Intervals are 95 % percentile bootstraps over clusters; those across seeds also resample seeds. Failed and lost runs are
    rows without a value. `gathering`, `split` and `scale` are empty for tasks without them;
    `n_volumes` and `n_sections` count clusters and queries of any task.

    Args:
        rows: rows of the board.
        records: all records of the setting.
        lost: runs without a record.
        setting: board and condition.
        coordinates: parts of the board name, by name.
    """
    lines: list[tuple[Any, ...]] = []
    runs: dict[str, list[Record]] = {}
    for record in records:
        runs.setdefault(record.run.method, []).append(record)
    for row in rows:
        own_runs = [] if row.status == "theory" else runs.get(row.method, [])
        lines += [line for run in own_runs for line in _single(run)]
        lines += _means(row, sum(run.ended for run in own_runs))
    lines += [_failed(run.run.method, run.run.seed, "reproduced" if run.role == "submission" else "measured") for run in lost]
    table = pd.DataFrame(lines, columns=[*NUMBERS, "origin", "n_seeds"])
    constants = {
        "task": setting.board.task,
        "dataset": setting.board.dataset,
        **{name: coordinates.get(name, "") for name in ("gathering", "split", "scale")},
        "degradation": setting.degradation,
        "severity": setting.severity,
        "board": setting.board.name,
        "condition": setting.condition,
    }
    for name, value in constants.items():
        table[name] = pd.Series([value] * len(table), dtype="int64" if name == "severity" else "object")
    return table[COLUMNS]


def csv_lines(table: pd.DataFrame) -> str:
    """Return a table as CSV without header; the Arrow writer is much faster than that of pandas."""
    arrow = pa.Table.from_pandas(table, preserve_index=False)
    try:
        return _csv(arrow, "none")
    except pa.ArrowInvalid:  # a text needs quotes
        return _csv(arrow, "needed")


def _csv(table: pa.Table, quotes: str) -> str:
    stream = pa.BufferOutputStream()
    csv.write_csv(table, stream, csv.WriteOptions(include_header=False, quoting_style=quotes))
    return str(stream.getvalue().to_pybytes(), "utf-8")


def _means(row: Row, seeds: int) -> list[tuple[Any, ...]]:
    """Return the means over seeds of a method, or the chance levels."""
    origin = row.origin if row.status != "theory" else "theory"
    return [
        (
            row.method,
            ALL_SEEDS,
            *key,
            *(number.value, number.low, number.high, number.clusters, number.queries),
            *(row.status, origin, seeds),
        )
        for key, number in row.numbers.items()
    ]


def _single(run: Record) -> list[tuple[Any, ...]]:
    if not run.ended:
        return [_failed(run.run.method, run.run.seed, run.origin)]
    seed = str(run.run.seed)
    return [
        (
            run.run.method,
            seed,
            *(metric.protocol, metric.metric, metric.value, metric.ci_low, metric.ci_high),
            *(metric.n_clusters, metric.n_queries, run.status, run.origin, 1),
        )
        for metric in run.metrics
    ]


def _failed(method: str, seed: int, origin: str) -> tuple[Any, ...]:
    return (method, str(seed), *[None] * 7, "failed", origin, 1)
