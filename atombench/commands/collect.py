"""`atombench collect`: result records and audits of one run -> the list that board and MLflow read."""

from pathlib import Path
from typing import Annotated

import typer
from pydantic import TypeAdapter

from atombench.commands.arguments import Log, Out, parsed_options
from atombench.io.schema import read_model
from atombench.progress import log_to, logger
from atombench.records.run_list import LostRun, save_run

LOST = TypeAdapter(list[LostRun])


def run(
    records: Annotated[list[Path], typer.Argument(help="Result records.")],
    name: Annotated[str, typer.Option(help="Name of the run.")],
    out: Out,
    audit: Annotated[list[Path] | None, typer.Option(help="Audit files; give the option once for each.")] = None,
    config: Annotated[str, typer.Option(help="The run's configuration as JSON, kept with the list.")] = "{}",
    lost: Annotated[Path | None, typer.Option(help="Units without a record and why (JSON), as `lost` writes them.")] = None,
    log: Log = None,
) -> None:
    """List the records and audits of one run with their checksums."""
    log_to(log)
    settings = parsed_options(config, "--config")
    missing = read_model(LOST, lost) if lost is not None else []
    save_run(out, name, settings, records, audit or [], missing)
    logger.info("run %s: %d records", name, len(records))
