"""`atombench board`: result records and audits -> tables and static pages."""

from pathlib import Path
from typing import Annotated

import typer

from atombench.audit.listed import load_audits
from atombench.board.site import SiteContent, build_site
from atombench.commands.arguments import REGISTRY_DEFAULT, Log, Registry
from atombench.io.paths import PAPER_TABLES, SECRET_LOG, shipped
from atombench.progress import available_threads, log_to, logger
from atombench.records.confirmations import confirmed_answers, read_log
from atombench.records.run_list import load_lost, settings_listed
from atombench.tasks.table import DEFAULT
from atombench.volumes.registry import read_registry


def run(
    runs: Annotated[list[Path], typer.Argument(help="Lists of records and audits, written by `collect`.")],
    out: Annotated[Path, typer.Option(help="Output folder for the pages.")],
    registry: Registry = REGISTRY_DEFAULT,
    paper: Annotated[Path, typer.Option(help="Published results for the atom task (CSV).")] = PAPER_TABLES,
    confirmations: Annotated[Path, typer.Option(help="Log of scorings on secret boards (CSV).")] = SECRET_LOG,
    threads: Annotated[
        int | None, typer.Option(help="Number of worker processes; default: all available CPU cores.", min=1)
    ] = None,
    log: Log = None,
) -> None:
    """Build the leaderboard: index.html (opens without a web server), a page per board, method and dataset, and tables."""
    log_to(log)
    findings, left_out = load_audits(runs)
    content = SiteContent(
        listed=settings_listed(runs),
        datasets=read_registry(registry),
        findings=findings,
        lost=load_lost(runs),
        published={DEFAULT: shipped(paper)},
        left_out=left_out,
        confirmed=confirmed_answers(read_log(confirmations)),
    )
    build_site(content, out, threads or available_threads())
    logger.info("board %s: %d settings", out / "index.html", len(content.listed))
