"""`atombench track`: records and training curves -> MLflow store."""

from pathlib import Path
from typing import Annotated

import typer

from atombench.commands.arguments import Log
from atombench.io.files import write_json
from atombench.progress import log_to
from atombench.records.run_list import load_results
from atombench.tracking import LOCAL, SQLITE, mirror, source_of, store_address


def run(
    runs: Annotated[list[Path], typer.Argument(help="Lists of records, as `collect` writes them.")],
    store: Annotated[Path, typer.Option(help="SQLite file, made if missing; MLFLOW_TRACKING_URI goes before it.")],
    receipt: Annotated[Path | None, typer.Option(help="Where to write what was mirrored (JSON).")] = None,
    log: Log = None,
) -> None:
    """Mirror records and training curves into MLflow; unchanged ones are left alone."""
    log_to(log)
    results, _ = load_results(runs)
    address = store_address(store)
    mirror(results, address, LOCAL if address.startswith(SQLITE) else source_of(store.parent))
    if receipt is not None:
        write_json(receipt, {result.record.unit.key: result.sha256 for result in results})
