"""`atombench queries`: the test queries of a board as files that any language reads, without labels."""

from pathlib import Path
from typing import Annotated

import typer

from atombench.commands.arguments import REGISTRY_DEFAULT, Log, Registry
from atombench.progress import log_to, logger
from atombench.submissions.boards import RESULTS, BoardName
from atombench.submissions.queries import BOARD_FILE, write_queries
from atombench.volumes.registry import find_row

BoardArgument = Annotated[str, typer.Argument(help="Board, for example mni-subjects/uniform-none-x1.")]


def run(
    board: BoardArgument,
    out: Annotated[Path | None, typer.Option(help="Folder for the files; default: queries/BOARD.")] = None,
    training: Annotated[bool, typer.Option(help="Also write training and validation sections, with labels.")] = False,
    results: Annotated[Path, typer.Option(help="Results of the workflow.")] = RESULTS,
    registry: Registry = REGISTRY_DEFAULT,
    log: Log = None,
) -> None:
    """Write volumes, sections and names of a board's test queries."""
    log_to(log)
    name = BoardName.read(board)
    restricted = find_row(name.dataset, registry).restricted
    place = out or Path("queries", str(name))
    found = write_queries(*name.load(results), place, restricted, training)
    if restricted:
        logger.warning("%s is restricted by its owners' terms: keep %s to yourself", name.dataset, place)
    logger.info("%d queries into %d volumes of %s in %s; digest %s", found.queries, found.volumes, name, place, found.digest)
    logger.info("what the files hold is in %s, what a submission must state in %s", place / "README.md", place / BOARD_FILE)
