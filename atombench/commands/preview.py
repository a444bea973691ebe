"""`atombench preview`: a contact sheet of test sections under the conditions of a board, as PNG."""

from pathlib import Path
from typing import Annotated

import typer

from atombench.commands.arguments import BoardName, Log
from atombench.errors import ConfigError
from atombench.io.files import written_whole
from atombench.progress import log_to, logger
from atombench.records.board import Board
from atombench.tasks.made_board import RESULTS, load_board


def run(
    board: BoardName,
    out: Annotated[Path, typer.Option(help="Output file (PNG).")] = Path("preview.png"),
    sections: Annotated[int, typer.Option(help="Number of sections.", min=1, max=50)] = 10,
    severity: Annotated[int, typer.Option(help="Severity of the steps shown alone, 1 to 5.", min=1, max=5)] = 3,
    results: Annotated[Path, typer.Option(help="Results folder of the workflow.")] = RESULTS,
    log: Log = None,
) -> None:
    """Draw the same test sections clean, after each step of degradation, and after all steps at every severity."""
    log_to(log)
    made = load_board(Board.read(board), results)
    if made.task.preview is None:
        msg = f"the task {made.task.name} has no conditions that could be previewed"
        raise ConfigError(msg)
    sheet = made.task.preview(made.data, made.manifest, sections, severity)
    with written_whole(out) as temporary:
        sheet.save(temporary, "PNG", optimize=True)
    logger.info("wrote %s, %d x %d pixels", out, *sheet.size)
