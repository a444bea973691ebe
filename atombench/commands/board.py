"""`atombench board`: result records -> tables and static pages."""

from pathlib import Path
from typing import Annotated

import typer

from atombench.audit.record import load_findings
from atombench.board.pages import build_board
from atombench.commands.arguments import REGISTRY_DEFAULT, Log, Registry
from atombench.errors import DataError
from atombench.progress import log_to, logger
from atombench.runs import load_results
from atombench.volumes.registry import read_registry


def run(
    runs: Annotated[list[Path], typer.Argument(help="Lists of records, as `collect` writes them.")],
    out: Annotated[Path, typer.Option(help="Folder for the pages.")],
    audit: Annotated[list[Path] | None, typer.Option(help="Audit files; give the option once for each.")] = None,
    registry: Registry = REGISTRY_DEFAULT,
    log: Log = None,
) -> None:
    """Build the leaderboard: index.html (opens from the file system), results.csv, and a card for each audited dataset."""
    log_to(log)
    results, left_out = load_results(runs)
    findings = []
    for path in audit or []:
        try:
            findings.append(load_findings(path))
        except DataError as error:
            left_out.append(str(error))
            logger.warning("left out: %s", error)
    build_board(results, read_registry(registry), out, left_out, findings)
    logger.info("board %s: %d runs", out / "index.html", len(results))
