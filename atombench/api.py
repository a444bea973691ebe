"""The Python interface for notebooks: data, queries and scores of a board. `import atombench` exposes all of it.

Docs: docs/python.md.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from atombench import streams
from atombench.engine.answers import Answers, check_answers
from atombench.errors import ConfigError
from atombench.records.board import CLEAN, Board
from atombench.tasks.evaluate import evaluate
from atombench.tasks.made_board import RESULTS, MadeBoard, load_board
from atombench.tasks.table import find_task
from atombench.volumes.curated import Curated
from atombench.volumes.volume_set import SPLITS, VolumeSet

EXAMPLE = "atom/example/uniform-none-x1"
COLUMNS = ("protocol", "metric", "value", "ci_low", "ci_high", "chance", "n_clusters", "n_queries")


def open_board(name: str, results: Path | str = RESULTS) -> MadeBoard:
    """Open a board that the workflow has built.

    Args:
        name: TASK/DATASET/NAME, or DATASET/NAME for a board of atom.
        results: the workflow's results folder.

    Raises:
        DataError: the board has not been built; the message names the command that builds it.
        ConfigError: the task does not exist, or its boards are named differently.

    >>> open_board("atom/mni-subjects/hard-none-x1", "no-such-folder")
    Traceback (most recent call last):
    ...
    atombench.errors.DataError: the data or manifest of board atom/mni-subjects/hard-none-x1 is missing; ...
    """
    return load_board(Board.read(name), Path(results))


def make_board(data: VolumeSet | Curated, name: str) -> MadeBoard:
    """Draw a board for data in memory.

    Args:
        data: curated volumes with training, validation and test splits.
        name: TASK/DATASET/NAME; DATASET must match the data.

    Raises:
        ConfigError: the dataset in the name differs from that of the data.
        DataError: the data do not have the form that the board needs, or a split is empty.

    >>> board = make_board(example_board().data, "atom/example/hard-none-x1")
    >>> board.manifest.counts["test"]
    336
    """
    board = Board.read(name)
    task = find_task(board.task)
    curated = Curated.of(data, task.form(board)) if isinstance(data, VolumeSet) else data
    if curated.index.dataset != board.dataset:
        msg = f"expected data of {board.dataset!r}, got {curated.index.dataset!r}"
        raise ConfigError(msg)
    return MadeBoard(board, task, curated, task.draw(curated, board, {}))


def example_board(name: str = EXAMPLE) -> MadeBoard:
    """Draw a board of `atom` on nine volumes of noise (20 voxels along each axis), for experiments.

    >>> example_board().manifest.counts
    {'train': 760, 'val': 304, 'test': 336}
    """
    splits = [split for split, count in zip(SPLITS, (5, 2, 2), strict=True) for _ in range(count)]
    ids = tuple(f"noise-{number}" for number in range(len(splits)))
    noise = streams.uniform(len(ids) * 20**3, "example").reshape(len(ids), 20, 20, 20).astype(np.float32)
    volumes = VolumeSet("example", noise, ids, ids, ("",) * len(ids), tuple(splits), np.ones((len(ids), 3)))
    return make_board(volumes, name)


def training(board: MadeBoard) -> Any:
    """Return the training and validation queries with their labels, in the form that the board's task defines.

    >>> data = training(example_board())
    >>> data.volumes.shape, len(data.train), len(data.val)
    ((7, 20, 20, 20), 760, 304)
    """
    return board.task.training(board.data, board.manifest)


def queries(board: MadeBoard, condition: str = CLEAN) -> Any:
    """Return the test queries under a condition, without labels, in the form that the board's task defines.

    >>> test = queries(example_board())
    >>> test.volumes.shape, test.pixels.shape
    ((2, 20, 20, 20), (336, 4, 4))
    """
    return board.task.queries(board.data, board.manifest, condition).queries


def score(board: MadeBoard, answers: Answers) -> pd.DataFrame:
    """Score answers to the test queries under all protocols of the task.

    Args:
        board: the board of the queries.
        answers: one row per query, in the order of the queries.

    Returns:
        One row per metric: value with its 95 % interval, chance level, and the numbers of clusters and queries.

    Raises:
        DataError: the answers have a wrong shape, are not finite, or are incomplete.

    >>> board = example_board()
    >>> constant = Answers(boxes=np.zeros((len(queries(board)), 729), np.float32))
    >>> int(score(board, constant).loc[("strict", "fine_recall@10"), "n_queries"])
    336
    """
    order = board.task.queries(board.data, board.manifest).order
    check_answers(answers, board.task.answers, len(order))
    board.task.check_complete(answers)
    evaluation = evaluate(board.task, answers.in_manifest_order(order), board.data, board.manifest)
    rows = [{name: getattr(metric, name) for name in COLUMNS} for metric in evaluation.metrics]
    return pd.DataFrame(rows, columns=list(COLUMNS)).set_index(["protocol", "metric"])
