"""Boards loaded with their task, curated data and manifest."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from atombench.errors import DataError
from atombench.records.board import Board
from atombench.records.layout import Layout
from atombench.tasks.table import find_task
from atombench.tasks.task import Task
from atombench.volumes.curated import Curated

RESULTS = Path("results")


@dataclass(frozen=True)
class MadeBoard:
    """A board that the workflow has built, with its task, curated data and manifest."""

    board: Board
    task: Task
    data: Curated
    manifest: Any


def load_board(board: Board, results: Path = RESULTS) -> MadeBoard:
    """Load the curated data and the manifest of a board.

    Raises:
        DataError: a file is missing; the message names the command that creates it.
        ConfigError: the task or the name of the board is unknown.
    """
    task, layout = find_task(board.task), Layout(results)
    data, manifest = layout.curated(board.dataset, task.form(board)), layout.manifest(board)
    if not (data.is_dir() and manifest.is_file()):
        msg = f"the data or manifest of board {board} is missing; create it with: snakemake --cores 2 {manifest}"
        raise DataError(msg)
    return MadeBoard(board, task, Curated.open(data), task.load_manifest(manifest))
