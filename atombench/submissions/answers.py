"""From a file of answers to predictions in the order of the queries, or to all that is wrong with it.

A row answers one query, in any order: with scores of all 729 boxes (`boxes`), with the best boxes and their scores (`ranked`,
`scores`; what is not named counts as 0), or with a pose (`centre`, `normal`). A method that ranks coarse blocks, or the boxes
within a block, by other scores may add `coarse` and `fine`, which only the published protocol reads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atombench.engine.contract import Predictions
from atombench.errors import DataError
from atombench.submissions.arrays import QUERY, Arrays, Expected, read_arrays
from atombench.submissions.problems import Problems
from atombench.tasks.atom.geometry import BLOCKS, BOXES

WIDTHS = {"boxes": BOXES, "ranked": BOXES, "scores": BOXES, "coarse": BLOCKS, "fine": BOXES, "centre": 3, "normal": 3}
FORMS = "'boxes', or 'ranked' with 'scores', or 'centre' with 'normal'"


def read_answers(path: Path, ids: Sequence[str], probabilities: bool, place: str, problems: Problems) -> Predictions | None:
    """Read answers and check them; what is wrong is added to `problems`.

    Args:
        path: the file.
        ids: names of the board's queries, in their order.
        probabilities: whether scores are said to be probabilities.
        place: what to call the file.
        problems: where to note what is wrong.

    Returns:
        Predictions in the order of the queries; None if anything is wrong.
    """
    before = len(problems.lines)
    try:
        arrays = read_arrays(path, Expected(len(ids), WIDTHS, whole=("ranked",)))
    except DataError as error:
        problems.add(place, str(error))
        return None
    order = _order(arrays[QUERY], ids, place, problems)
    _check_forms(arrays, place, problems)
    _check_values(arrays, probabilities, place, problems)
    if len(problems.lines) > before or order is None:
        return None
    return _predictions(arrays, order, probabilities)


def _order(found: NDArray[np.object_], ids: Sequence[str], place: str, problems: Problems) -> NDArray[np.int64] | None:
    """Row of the file that answers each query; None unless each is answered once."""
    rows: dict[str, int] = {}
    twice = [name for row, name in enumerate(found) if rows.setdefault(name, row) != row]
    known = set(ids)
    problems.add_rows(place, "queries that stand in more than one row", (_quoted(name) for name in twice))
    problems.add_rows(place, "names that are no query of this board", (_quoted(name) for name in rows if name not in known))
    missing = [name for name in ids if name not in rows]
    problems.add_rows(place, "queries without an answer", missing)
    return None if missing or twice else np.array([rows[name] for name in ids], dtype=np.int64)


def _quoted(name: str) -> str:
    return repr(name[:40])


def _check_forms(arrays: Arrays, place: str, problems: Problems) -> None:
    for first, second in (("ranked", "scores"), ("centre", "normal")):
        if (first in arrays) != (second in arrays):
            problems.add(place, f"{first!r} and {second!r} need each other, only one is there")
    if not {"boxes", "ranked", "centre"} & set(arrays):
        problems.add(place, f"expected {FORMS}, got none of them")
    if "boxes" in arrays and "ranked" in arrays:
        problems.add(place, "expected either 'boxes' or 'ranked' with 'scores', got both")
    if "boxes" not in arrays and "ranked" not in arrays:
        for name in ("coarse", "fine"):
            if name in arrays:
                problems.add(place, f"{name!r} goes with scores of boxes, not with a pose alone")
    for name, array in arrays.items():
        exact = WIDTHS.get(name)
        if name not in (QUERY, "ranked", "scores") and array.shape[1] != exact:
            problems.add(place, f"{name!r} needs {exact} numbers per row, got {array.shape[1]}")
    if "ranked" in arrays and "scores" in arrays and arrays["ranked"].shape != arrays["scores"].shape:
        widths = [arrays[name].shape[1] for name in ("ranked", "scores")]
        problems.add(place, f"'ranked' and 'scores' need equally many numbers per row, got {widths[0]} and {widths[1]}")


def _check_values(arrays: Arrays, probabilities: bool, place: str, problems: Problems) -> None:
    names = arrays[QUERY]

    def bad(text: str, wrong: NDArray[np.bool_]) -> None:
        rows = np.flatnonzero(wrong.reshape(len(wrong), -1).any(axis=1))
        problems.add_rows(place, text, (f"row {row + 1} ({_quoted(str(names[row]))})" for row in rows))

    for name, array in arrays.items():
        if name in (QUERY, "ranked"):
            continue
        with np.errstate(over="ignore", invalid="ignore"):
            finite = np.isfinite(array.astype(np.float64 if name in ("centre", "normal") else np.float32))
        bad(f"{name!r} holds NaN, infinite or too large numbers", ~finite)
    if "normal" in arrays:
        bad("'normal' has length zero", ~(arrays["normal"] != 0).any(axis=1))
    if "ranked" in arrays:
        _check_ranked(arrays, bad)
    for name in ("boxes", "scores"):
        if probabilities and name in arrays:
            bad(f"{name!r} are said to be probabilities but lie outside 0 to 1", (arrays[name] < 0) | (arrays[name] > 1))


def _check_ranked(arrays: Arrays, bad: Callable[[str, NDArray[np.bool_]], None]) -> None:
    ranked = arrays["ranked"]
    bad(f"'ranked' names boxes outside 0 to {BOXES - 1}", (ranked < 0) | (ranked >= BOXES))
    ordered = np.sort(ranked, axis=1)
    bad("'ranked' names a box twice", ordered[:, 1:] == ordered[:, :-1])
    scores = arrays.get("scores")
    if scores is None or scores.shape != ranked.shape:
        return
    with np.errstate(invalid="ignore"):
        bad("'scores' rise along 'ranked', they must not", scores[:, 1:] > scores[:, :-1])
        if ranked.shape[1] < BOXES:
            bad("'scores' must be positive, since boxes that are not named count as 0", scores <= 0)


def _predictions(arrays: Arrays, order: NDArray[np.int64], probabilities: bool) -> Predictions:
    sorted_ = {name: array[order] for name, array in arrays.items() if name != QUERY}
    if "ranked" in sorted_:
        boxes = np.zeros((len(order), BOXES), np.float32)
        np.put_along_axis(boxes, sorted_["ranked"].astype(np.int64), sorted_["scores"].astype(np.float32), axis=1)
        sorted_["boxes"] = boxes

    def given(name: str, kind: type[np.floating[Any]]) -> NDArray[Any] | None:
        return sorted_[name].astype(kind) if name in sorted_ else None

    return Predictions(
        boxes=given("boxes", np.float32), coarse=given("coarse", np.float32), fine=given("fine", np.float32),
        centres=given("centre", np.float64), normals=given("normal", np.float64),
        probabilities=probabilities and "boxes" in sorted_,
    )  # fmt: skip
