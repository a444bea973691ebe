"""`atombench sizes`: number of queries of each board of a run, without reading the data."""

import csv
import sys
from pathlib import Path
from typing import Annotated

import typer

from atombench.commands.arguments import REGISTRY_DEFAULT, Log, Registry
from atombench.config import check_run
from atombench.errors import DataError, FetchError
from atombench.io.paths import RUN, shipped
from atombench.io.schema import read_yaml
from atombench.progress import log_to, logger
from atombench.tasks.table import find_task
from atombench.volumes.archives import unpacked
from atombench.volumes.registry import DatasetRow, read_registry
from atombench.volumes.sources import reader_of
from atombench.volumes.volume_set import SPLITS


def run(
    config: Annotated[Path, typer.Option(help="Run configuration (YAML).")] = RUN,
    registry: Registry = REGISTRY_DEFAULT,
    log: Log = None,
) -> None:
    """Print query counts per board as CSV (board, train, val, test), as `split` would draw them.

    Volume counts come from the medmnist package, the registry, or the table of a local folder.
    """
    log_to(log)
    config = shipped(config)
    settings = check_run(read_yaml(config), str(config), registry, build_methods=False)
    rows = read_registry(registry)
    splits = {name: _splits(name, rows[name]) for name in dict.fromkeys(board.dataset for board in settings.all_boards())}
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["board", *SPLITS])
    for board in settings.all_boards():
        task, known = find_task(board.task), splits[board.dataset]
        counts = task.count(board, known, task.settings(rows[board.dataset])) if known else None
        if counts is not None:
            writer.writerow([board.key, *(counts[part] for part in SPLITS)])


def _splits(dataset: str, row: DatasetRow) -> list[str]:
    """Return the official split of each volume; empty, with a warning, if the volumes cannot be counted."""
    try:
        counts = reader_of(row.kind).counts(unpacked(row))
    except (FetchError, DataError) as error:
        logger.warning("%s is omitted because its volumes cannot be counted: %s", dataset, error)
        return []
    return [split for split, count in counts.items() for _ in range(count)]
