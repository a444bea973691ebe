"""`atombench board`: result records and audits -> tables and static pages."""

from pathlib import Path
from typing import Annotated

import typer

from atombench.board.site import build_site
from atombench.commands.arguments import REGISTRY_DEFAULT, Log, Registry
from atombench.io.paths import PAPER_TABLES
from atombench.progress import log_to, logger
from atombench.records.run_list import boards_listed, load_audits, load_lost
from atombench.tasks.atom.panels.paper import read_paper
from atombench.tasks.atom.sections import available_threads
from atombench.volumes.registry import read_registry


def run(
    runs: Annotated[list[Path], typer.Argument(help="Lists of records and audits, as `collect` writes them.")],
    out: Annotated[Path, typer.Option(help="Folder for the pages.")],
    registry: Registry = REGISTRY_DEFAULT,
    paper: Annotated[Path, typer.Option(help="The published tables (CSV).")] = PAPER_TABLES,
    threads: Annotated[int | None, typer.Option(help="Processes; default: as many as this one may use.", min=1)] = None,
    log: Log = None,
) -> None:
    """Build the leaderboard: index.html (opens from the file system), a page for each board, method and dataset, and tables."""
    log_to(log)
    listed = boards_listed(runs)
    findings, unread = load_audits(runs)
    lost = load_lost(runs)
    processes = threads or available_threads()
    build_site(listed, read_registry(registry), out, unread, findings, read_paper(paper), lost, processes)
    logger.info("board %s: %d boards", out / "index.html", len(listed))
