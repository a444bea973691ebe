"""`atombench track`: records and training curves -> MLflow store."""

from pathlib import Path
from typing import Annotated

import typer

from atombench.commands.arguments import Log
from atombench.progress import log_to
from atombench.runs import load_results
from atombench.tracking import mirror


def run(
    runs: Annotated[list[Path], typer.Argument(help="Lists of records, as `collect` writes them.")],
    store: Annotated[Path, typer.Option(help="SQLite file; made if missing.")],
    log: Log = None,
) -> None:
    """Mirror records and training curves into MLflow; unchanged ones are left alone."""
    log_to(log)
    results, _ = load_results(runs)
    mirror(results, store)
