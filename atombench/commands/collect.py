"""`atombench collect`: result records and audits of one run -> the list that board and MLflow read."""

import json
from pathlib import Path
from typing import Annotated

import typer

from atombench.commands.arguments import Log, Out
from atombench.errors import ConfigError
from atombench.progress import log_to, logger
from atombench.runs import save_run


def run(
    records: Annotated[list[Path], typer.Argument(help="Result records.")],
    name: Annotated[str, typer.Option(help="Name of the run.")],
    out: Out,
    audit: Annotated[list[Path] | None, typer.Option(help="Audit files; give the option once for each.")] = None,
    config: Annotated[str, typer.Option(help="The run's configuration as JSON, kept with the list.")] = "{}",
    log: Log = None,
) -> None:
    """List the records and audits of one run with their checksums."""
    log_to(log)
    try:
        settings = json.loads(config)
    except ValueError as error:
        msg = f"--config must be JSON, got {config!r}"
        raise ConfigError(msg) from error
    save_run(out, name, settings, records, audit or [])
    logger.info("run %s: %d records", name, len(records))
