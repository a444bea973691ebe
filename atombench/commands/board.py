"""`atombench board`: result records and audits -> tables and static pages."""

from pathlib import Path
from typing import Annotated

import typer

from atombench.board.pages import build_board
from atombench.board.paper import read_paper
from atombench.commands.arguments import REGISTRY_DEFAULT, Log, Registry
from atombench.paths import PAPER_TABLES
from atombench.progress import log_to, logger
from atombench.runs import load_audits, load_lost, load_results
from atombench.volumes.registry import read_registry


def run(
    runs: Annotated[list[Path], typer.Argument(help="Lists of records and audits, as `collect` writes them.")],
    out: Annotated[Path, typer.Option(help="Folder for the pages.")],
    registry: Registry = REGISTRY_DEFAULT,
    paper: Annotated[Path, typer.Option(help="The published tables (CSV).")] = PAPER_TABLES,
    log: Log = None,
) -> None:
    """Build the leaderboard: index.html (opens from the file system), results.csv, and a card for each audited dataset."""
    log_to(log)
    results, left_out = load_results(runs)
    findings, unread = load_audits(runs)
    lost = load_lost(runs, results)
    build_board(results, read_registry(registry), out, [*left_out, *unread], findings, read_paper(paper), lost)
    logger.info("board %s: %d runs", out / "index.html", len(results))
