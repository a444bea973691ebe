"""`atombench export`: answers of a run -> a prediction file in the submission format."""

from pathlib import Path
from typing import Annotated

import typer

from atombench.commands.arguments import BoardName, Log, Out
from atombench.engine.answers import load_answers
from atombench.engine.exchanges import load_exchanged
from atombench.progress import log_to, logger
from atombench.records.board import Board
from atombench.submissions.export import export_answers
from atombench.tasks.made_board import RESULTS, load_board


def run(
    board: BoardName,
    predictions: Annotated[Path, typer.Option(help="Answers (Parquet), written by `predict`.")],
    out: Out,
    results: Annotated[Path, typer.Option(help="Results folder of the workflow.")] = RESULTS,
    swaps: Annotated[Path | None, typer.Option(help="Answers to exchanged cases (Parquet), written by `predict`.")] = None,
    log: Log = None,
) -> None:
    """Write the answers of a run in the submission format, identified by query name."""
    log_to(log)
    made = load_board(Board.read(board), results)
    count = made.manifest.counts["test"]
    source = {"manifest": made.manifest.digest}
    answers = load_answers(predictions, made.task.answers, source, count)
    file = swaps or predictions.with_name("swaps.parquet")
    exchanged = load_exchanged(file, made.task, source, count) if file.is_file() else {}
    export_answers(answers, exchanged, made, out)
    logger.info("exported answers to %d queries to %s", count, out)
