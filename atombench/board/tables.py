"""The long table behind a board: one row per number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import pyarrow as pa
from pyarrow import csv

from atombench.board.rows import Number, Row
from atombench.records.record import Record
from atombench.records.run_list import LostRun

BOARD_COLUMNS = ["task", "dataset", "gathering", "split", "scale", "degradation", "severity"]
COLUMNS = [
    *BOARD_COLUMNS, "method", "seed", "protocol", "metric", "value", "ci_low", "ci_high", "n_volumes", "n_sections", "status",
]  # fmt: skip
ALL_SEEDS = "all"


def long_table(
    rows: Sequence[Row], records: Sequence[Record], lost: Sequence[LostRun], place: Sequence[str | int]
) -> pd.DataFrame:
    """Every number of every record of one board, each method's mean over its seeds (seed `all`), and chance levels by theory.

    Intervals are 95 % percentile bootstraps over volumes; those over several seeds resample seeds as well. A failed run is a
    row without a value, and so is one that was lost.
    """
    lines: list[tuple[Any, ...]] = []
    runs: dict[str, list[Record]] = {}
    for record in records:
        runs.setdefault(record.unit.method, []).append(record)
    for row in rows:
        lines += [line for run in runs.get(row.method, []) for line in _single(run)]
        lines += [_line(row.method, ALL_SEEDS, key, number, row.status) for key, number in row.numbers.items()]
    lines += [_failed(one.unit.method, one.unit.seed) for one in lost]
    table = pd.DataFrame(lines, columns=COLUMNS[len(BOARD_COLUMNS) :])
    for position, (name, value) in enumerate(zip(BOARD_COLUMNS, place, strict=True)):
        table.insert(position, name, value)
    return table


def csv_lines(table: pd.DataFrame) -> str:
    """A table as CSV without its heading; Arrow's writer is many times as fast as that of pandas."""
    arrow = pa.Table.from_pandas(table, preserve_index=False)
    try:
        return _csv(arrow, "none")
    except pa.ArrowInvalid:  # a text holds what must stand in quotes
        return _csv(arrow, "needed")


def _csv(table: pa.Table, quotes: str) -> str:
    stream = pa.BufferOutputStream()
    csv.write_csv(table, stream, csv.WriteOptions(include_header=False, quoting_style=quotes))
    return str(stream.getvalue().to_pybytes(), "utf-8")


def _single(run: Record) -> list[tuple[Any, ...]]:
    if run.status == "failed":
        return [_failed(run.unit.method, run.unit.seed)]
    return [
        (
            run.unit.method, str(run.unit.seed), one.protocol, one.metric, one.value, one.ci_low, one.ci_high, one.n_volumes,
            one.n_sections, run.status,
        )
        for one in run.metrics
    ]  # fmt: skip


def _line(method: str, seed: str, key: tuple[str, str], number: Number, status: str) -> tuple[Any, ...]:
    return (method, seed, *key, number.value, number.low, number.high, number.volumes, number.sections, status)


def _failed(method: str, seed: int) -> tuple[Any, ...]:
    return (method, str(seed), *[None] * 7, "failed")
