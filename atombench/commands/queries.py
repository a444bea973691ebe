"""`atombench queries`: the test queries of a board, without labels, as files that any language can read."""

from pathlib import Path
from typing import Annotated

import typer

from atombench.commands.arguments import REGISTRY_DEFAULT, BoardName, Log, Registry
from atombench.progress import log_to, logger
from atombench.records.board import Board
from atombench.submissions.queries import BOARD_FILE, write_queries
from atombench.tasks.made_board import RESULTS, load_board
from atombench.volumes.registry import find_row


def run(
    board: BoardName,
    out: Annotated[Path | None, typer.Option(help="Output folder; default: queries/BOARD.")] = None,
    training: Annotated[bool, typer.Option(help="Also write training and validation queries, with labels.")] = False,
    results: Annotated[Path, typer.Option(help="Results folder of the workflow.")] = RESULTS,
    registry: Registry = REGISTRY_DEFAULT,
    log: Log = None,
) -> None:
    """Export the test queries of a board and their names."""
    log_to(log)
    name = Board.read(board)
    folder = out or Path("queries") / name.path
    restricted = find_row(name.dataset, registry).restricted
    written = write_queries(load_board(name, results), folder, restricted, training)
    if restricted:
        logger.warning("the terms of %s forbid redistribution: do not share %s", name.dataset, folder)
    logger.info("wrote %d queries of %s to %s; digest %s", written.queries, name, folder, written.digest)
    logger.info(
        "%s describes the files; %s holds the values that a submission must state", folder / "README.md", folder / BOARD_FILE
    )
