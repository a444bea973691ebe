"""`atombench lost`: units of a run that ended without a record -> a list of them with reasons."""

from pathlib import Path
from typing import Annotated

import typer

from atombench.commands.arguments import Log, Out, parsed_options
from atombench.config import check_run
from atombench.io.files import write_json
from atombench.progress import log_to, logger
from atombench.workflow.missing import lost_runs


def run(
    config: Annotated[str, typer.Option(help="The run's configuration as JSON.")],
    out: Out,
    root: Annotated[Path, typer.Option(help="Folder in which the workflow ran.")] = Path(),
    log: Log = None,
) -> None:
    """Find out why units have no record, from their logs and the scheduler."""
    log_to(log)
    content = parsed_options(config, "--config")
    found = lost_runs(check_run(content, build_methods=False).units(), root)
    write_json(out, [one.model_dump() for one in found])
    for one in found:
        logger.warning("%s: %s", one.unit.key, one.reason)
