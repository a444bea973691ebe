"""Submission format of a task: files of the queries and columns of a prediction file.

A task without its own format uses this one, which has one column per answer field.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atombench.engine.answers import Answers, Column, Ragged, check_answers
from atombench.io.files import save_array, write_text
from atombench.records.board import Board
from atombench.tasks.task import Asked, Task

Tell = Callable[[str], None]
"""Report a problem of a whole file."""
TellRows = Callable[[str, NDArray[np.bool_]], None]
"""Report a problem of the rows selected by a boolean mask."""
README = """# {board}

Answer every query, in any order, and submit the answers as Parquet, CSV or npz, one row per query.

- `queries.csv`: column `query`, the name of each query, in the order of the arrays
- {arrays}: the queries, as NumPy arrays
- `board.json`: name and protocol version of the board, and the digest that the submission must state

Columns of the answers: `query` and {columns}.{restricted}
"""


class Form:
    """Submission format derived from the answer fields of a task.

    Attributes:
        widths: values per row of each column; None for ragged columns, which require Parquet.
        whole: names of integer columns.
    """

    def __init__(self, task: Task) -> None:
        self.task = task
        self.fields = task.answers
        self.widths: Mapping[str, int | None] = {field.name: field.width for field in self.fields}
        self.whole: tuple[str, ...] = tuple(field.name for field in self.fields if np.dtype(field.dtype).kind in "iu")

    def check(self, arrays: Mapping[str, Column], probabilities: bool, tell: Tell, tell_rows: TellRows) -> None:
        """Report all problems of the columns of a prediction file, except those of the query names."""
        if not arrays:
            tell(f"expected columns of {', '.join(self.widths)}, got none of them")
        for name, array in arrays.items():
            width = self.widths[name]
            if not isinstance(array, Ragged) and width is not None and array.shape[1] != width:
                tell(f"{name!r} needs {width} numbers per row, got {array.shape[1]}")
            tell_rows(f"{name!r} holds NaN or infinite numbers", _not_finite(array))

    def answers(self, arrays: Mapping[str, Column], probabilities: bool) -> Answers:
        """Convert checked columns, in query order, to answers of the task.

        Raises:
            DataError: a value violates the check of its field, or a field required for scoring is missing.
        """
        kinds = {field.name: field.dtype for field in self.fields}
        answers = Answers.of({name: _typed(array, kinds[name]) for name, array in arrays.items()}, probabilities)
        check_answers(answers, self.fields, len(answers))
        self.task.check_complete(answers)
        return answers

    def exported(self, answers: Answers) -> Mapping[str, Column]:
        """Convert answers of the task to columns of a submission."""
        return answers.arrays

    def restored(self, kept: Answers, like: Answers) -> Answers:
        """Return answers with the fields of `like` from the stored part of answers to exchanged cases."""
        return kept

    def write(self, folder: Path, board: Board, asked: Asked, restricted: str) -> Sequence[str]:
        """Write the files of the test queries to a folder; return their names.

        Args:
            folder: existing output folder.
            board: board named in the README.
            asked: the queries.
            restricted: a notice for the README if the data may not be redistributed, otherwise empty.
        """
        for name, array in asked.arrays.items():
            save_array(folder / f"{name}.npy", array)
        texts = {
            "board": board.key,
            "arrays": ", ".join(f"`{name}.npy`" for name in asked.arrays),
            "columns": ", ".join(f"`{name}`" for name in self.widths),
            "restricted": restricted,
        }
        write_text(folder / "README.md", README.format(**texts))
        return [f"{name}.npy" for name in asked.arrays]

    def query_columns(self, asked: Asked) -> Mapping[str, NDArray[Any]]:
        """Return further columns of `queries.csv` besides the query name."""
        return {}

    def write_training(self, folder: Path, data: Any, manifest: Any) -> None:
        """Write training and validation queries with labels; the default writes nothing."""


def form_of(task: Task) -> Form:
    """Return the submission format of a task."""
    return Form(task) if task.submission is None else task.submission


def _not_finite(array: Column) -> NDArray[np.bool_]:
    """Return a mask (M,) of the rows that hold NaN or infinite numbers."""
    if isinstance(array, Ragged):
        wrong = np.repeat(np.arange(len(array)), array.lengths)[~np.isfinite(array.values)]
        return np.isin(np.arange(len(array)), wrong)
    return np.asarray(~np.isfinite(array.astype(np.float64)).all(axis=1))


def _typed(array: Column, dtype: str) -> Column:
    with np.errstate(over="ignore"):  # values too large for the type become infinite and are rejected
        return Ragged(array.values.astype(dtype), array.lengths) if isinstance(array, Ragged) else array.astype(dtype)
