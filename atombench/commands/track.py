"""`atombench track`: records and training curves -> MLflow store."""

from pathlib import Path
from typing import Annotated

import typer

from atombench.commands.arguments import Log
from atombench.io.files import write_json
from atombench.progress import log_to
from atombench.records.run_list import load_results
from atombench.tasks.table import protocol_version_of
from atombench.tracking import LOCAL, SQLITE, mirror, source_of, store_address


def run(
    runs: Annotated[list[Path], typer.Argument(help="Lists of records, written by `collect`.")],
    store: Annotated[Path, typer.Option(help="SQLite file, created if missing; overridden by MLFLOW_TRACKING_URI.")],
    receipt: Annotated[Path | None, typer.Option(help="Output file with the checksums of the copied records (JSON).")] = None,
    log: Log = None,
) -> None:
    """Copy records and training curves to MLflow; skip unchanged ones."""
    log_to(log)
    results, _ = load_results(runs, protocol_version_of)
    address = store_address(store)
    mirror(results, address, LOCAL if address.startswith(SQLITE) else source_of(store.parent))
    if receipt is not None:
        write_json(receipt, {result.record.run.key: result.sha256 for result in results})
