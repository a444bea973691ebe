"""`atombench collect`: result records and audits of one run -> the list that `board` and `track` read."""

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
    audit: Annotated[list[Path] | None, typer.Option(help="Audit file; repeat the option for several files.")] = None,
    config: Annotated[str, typer.Option(help="Configuration of the run as JSON, stored in the list.")] = "{}",
    lost: Annotated[Path | None, typer.Option(help="Runs without a record, with reasons (JSON), written by `lost`.")] = None,
    log: Log = None,
) -> None:
    """Write a list of the records and audits of one run with their checksums."""
    log_to(log)
    settings = parsed_options(config, "--config")
    missing = read_model(LOST, lost) if lost is not None else []
    save_run(out, name, settings, records, audit or [], missing)
    logger.info("run %s: %d records", name, len(records))
