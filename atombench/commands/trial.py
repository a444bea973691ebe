"""`atombench try`: a submitted method and all controls on a small board, as a table."""

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from atombench.board.columns import columns_of
from atombench.commands.arguments import REGISTRY_DEFAULT, Log, Registry
from atombench.errors import DataError
from atombench.pages.row import Row
from atombench.progress import log_to
from atombench.records.metric import Key, is_exchange
from atombench.submissions.trial import try_method
from atombench.tasks.task import spec_of
from atombench.volumes.registry import read_registry


def run(
    folder: Annotated[Path, typer.Argument(help="Folder of a submission with a method.")],
    registry: Registry = REGISTRY_DEFAULT,
    log: Log = None,
) -> None:
    """Run a method and all controls on a small board of embedded data, with exchanged cases; print a table.

    Learned controls are trained for seconds only. The scores say whether the method works, not how good it is.
    """
    log_to(log)
    start = time.monotonic()
    made, rows = try_method(folder, read_registry(registry))
    spec, task = spec_of(made.task, made.task.primary), made.task
    exchanges = [column for column in columns_of(task.metrics, task.primary) if isinstance(column.source, tuple)]
    shown = [column for column in exchanges if column.source == task.primary or is_exchange(column.source[0])]
    keys: list[Key] = [column.source for column in shown if isinstance(column.source, tuple)]
    lines = [("rank", "method", *(column.heading for column in shown), "verdicts and marks")]
    lines += [_line(row, keys) for row in rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    for line in lines:
        text = "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        sys.stdout.write(f"{text}\n")
    queries, seconds = made.manifest.counts["test"], time.monotonic() - start
    sys.stdout.write(f"{made.board}, {queries} queries, {spec.heading} with 95 % intervals; {seconds:.0f} s\n")
    failed = [row for row in rows if row.role == "submission" and row.status == "failed"]
    if failed:
        raise DataError("; ".join(failed[0].reasons))


def _line(row: Row, keys: list[Key]) -> tuple[str, ...]:
    numbers = [row.numbers.get(key) for key in keys]
    cells = [
        "" if number is None
        else f"{number.value:.3f}" if number.low is None or key != row.ranked
        else f"{number.value:.3f} ({number.low:.3f} to {number.high:.3f})"
        for key, number in zip(keys, numbers, strict=True)
    ]  # fmt: skip
    verdicts = [f"{verdict.exchange}: {verdict.state}" for verdict in row.verdicts]
    marks = [mark.name for mark in row.marks if mark.name not in {verdict.mark for verdict in row.verdicts}]
    rank = str(row.standing.rank) if row.standing else "-"
    return (rank, row.method, *cells, ", ".join([*verdicts, *marks, *row.reasons]))
