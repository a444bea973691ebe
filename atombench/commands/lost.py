"""`atombench lost`: list the runs that ended without a record, with reasons."""

from pathlib import Path
from typing import Annotated

import typer

from atombench.commands.arguments import Log, Out, parsed_options
from atombench.config import check_run
from atombench.io.files import write_json
from atombench.progress import log_to, logger
from atombench.workflow.missing import lost_runs


def run(
    config: Annotated[str, typer.Option(help="Configuration of the run as JSON.")],
    out: Out,
    root: Annotated[Path, typer.Option(help="Working directory of the workflow.")] = Path(),
    log: Log = None,
) -> None:
    """List runs without a record and determine the reasons from their logs and the scheduler."""
    log_to(log)
    content = parsed_options(config, "--config")
    lost = lost_runs(check_run(content, build_methods=False).runs(), root)
    write_json(out, [entry.model_dump() for entry in lost])
    for entry in lost:
        logger.warning("%s: %s", entry.run.key, entry.reason)
