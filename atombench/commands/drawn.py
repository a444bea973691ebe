"""Load the board, task and manifest named on the command line."""

from pathlib import Path
from typing import Any

from atombench.errors import DataError
from atombench.records.board import Board
from atombench.tasks.table import find_task
from atombench.tasks.task import Task


def load_drawn(name: str, path: Path) -> tuple[Board, Task, Any]:
    """Load a board, its task and its manifest.

    Args:
        name: TASK/DATASET/NAME.
        path: the manifest.

    Raises:
        ConfigError: the name does not have this form, or the task does not exist.
        DataError: the manifest cannot be read, or belongs to another board.
    """
    board = Board.read(name)
    task = find_task(board.task)
    manifest = task.load_manifest(path)
    if manifest.board != board:
        msg = f"{path} is the manifest of {manifest.board}, expected the manifest of {board}"
        raise DataError(msg)
    return board, task, manifest
