"""Read and check a prediction file; return answers in query order, or report all problems."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from atombench.engine.answers import QUERY, Answers, Column, Ragged
from atombench.errors import DataError
from atombench.submissions.arrays import Arrays, Content, Expected, read_arrays
from atombench.submissions.form import Form
from atombench.submissions.problems import Problems


def read_answers(
    content: Content, form: Form, ids: Sequence[str], probabilities: bool, place: str, problems: Problems
) -> Answers | None:
    """Read a prediction file and check it; all problems are added to `problems`.

    Args:
        content: content of the prediction file (Parquet, CSV or npz).
        form: columns of submissions to the task.
        ids: names of the queries of the board, in order.
        probabilities: whether the submission declares its scores to be probabilities.
        place: name of the file in messages.
        problems: list to which problems are added.

    Returns:
        Answers in the order of the queries; None if there is any problem.
    """
    before = len(problems.lines)
    try:
        arrays = read_arrays(content, Expected(len(ids), form.widths, form.whole))
    except DataError as error:
        problems.add(place, str(error))
        return None
    names = np.asarray(arrays.pop(QUERY))
    order = _order(names, ids, place, problems)
    _check_values(arrays, names, form, probabilities, place, problems)
    if len(problems.lines) > before or order is None:
        return None
    in_order: dict[str, Column] = {
        name: array.take(order) if isinstance(array, Ragged) else array[order] for name, array in arrays.items()
    }
    try:
        return form.answers(in_order, probabilities)
    except DataError as error:
        problems.add(place, str(error))
        return None


def _order(names: NDArray[np.object_], ids: Sequence[str], place: str, problems: Problems) -> NDArray[np.int64] | None:
    """Return the row (M,) of the file that answers each query; None unless each query is answered exactly once."""
    rows: dict[str, int] = {}
    repeated = [name for row, name in enumerate(names) if rows.setdefault(name, row) != row]
    known = set(ids)
    problems.add_rows(place, "queries that appear in more than one row", (_quoted(name) for name in repeated))
    problems.add_rows(place, "names that are not queries of this board", (_quoted(name) for name in rows if name not in known))
    missing = [name for name in ids if name not in rows]
    problems.add_rows(place, "queries without an answer", missing)
    return None if missing or repeated else np.array([rows[name] for name in ids], dtype=np.int64)


def _quoted(name: str) -> str:
    return repr(name[:40])


def _check_values(
    arrays: Arrays, names: NDArray[np.object_], form: Form, probabilities: bool, place: str, problems: Problems
) -> None:
    def tell(text: str) -> None:
        problems.add(place, text)

    def tell_rows(text: str, wrong: NDArray[np.bool_]) -> None:
        rows = np.flatnonzero(wrong.reshape(len(wrong), -1).any(axis=1))
        problems.add_rows(place, text, (f"row {row + 1} ({_quoted(str(names[row]))})" for row in rows))

    form.check(arrays, probabilities, tell, tell_rows)
