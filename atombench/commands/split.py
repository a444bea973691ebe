"""`atombench split`: curated data -> manifest of a board and its digest."""

from pathlib import Path
from typing import Annotated

import typer

from atombench.commands.arguments import BoardName, Data, Log, Out, parsed_options
from atombench.io.files import write_json
from atombench.progress import log_to, logger
from atombench.records.board import Board
from atombench.tasks.table import find_task
from atombench.volumes.curated import Curated


def run(
    board: BoardName,
    data: Data,
    out: Out,
    summary: Annotated[Path, typer.Option(help="Output file for counts and digest (JSON).")],
    settings: Annotated[str, typer.Option(help="Sampling settings of the dataset from the registry, as JSON.")] = "{}",
    log: Log = None,
) -> None:
    """Draw the training, validation and test queries of one board."""
    log_to(log)
    name = Board.read(board)
    manifest = find_task(name.task).draw(Curated.open(data), name, parsed_options(settings, "--settings"))
    manifest.save(out)
    content = {
        "board": name.key,
        "queries": dict(manifest.counts),
        "digest": manifest.digest,
        "data_digest": manifest.data_digest,
        **manifest.summary(),
    }
    write_json(summary, content)
    logger.info("split %s: queries %s, digest %s", name, dict(manifest.counts), manifest.digest)
