"""Tests of submissions with ragged columns, such as landmarks."""

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from atombench.engine.answers import Answers, Field, Ragged
from atombench.engine.entry import Entry
from atombench.errors import DataError
from atombench.records.metric import STRICT, MetricSpec
from atombench.submissions import arrays
from atombench.submissions.answers import read_answers
from atombench.submissions.arrays import Content, Expected
from atombench.submissions.form import Form
from atombench.submissions.problems import Problems
from atombench.tasks.task import Block, Task

IDS = ("a", "b", "c")
LISTS = [[1.5, 2.5], [], [3.0]]


class Landmarks(Task):
    """A task with landmarks (required), integers and angles."""

    name, title, block = "landmarks", "landmarks", Block
    metrics: ClassVar[tuple[MetricSpec, ...]] = ()
    primary = (STRICT, "error")
    methods: ClassVar[dict[str, Entry]] = {}
    answers: ClassVar[tuple[Field, ...]] = (
        Field("landmarks", None),
        Field("rank", 1, "int64", lambda values: "rank must be positive" if (values < 1).any() else None),
        Field("angle", 2, "float64"),
    )

    def check_complete(self, answers: Answers) -> None:
        if "landmarks" not in answers.arrays:
            raise DataError("expected 'landmarks', got none")


FORM = Form(Landmarks())


def read(path: Path) -> tuple[Answers | None, list[str]]:
    problems = Problems()
    content = Content.read(path, Expected(len(IDS), FORM.widths, FORM.whole))
    return read_answers(content, FORM, IDS, False, path.name, problems), problems.lines


def parquet(place: Path, *, query: Any = IDS, **columns: Any) -> Path:
    pq.write_table(pa.table({"query": pa.array(query, pa.string()), **columns}), place / "a.parquet")
    return place / "a.parquet"


@pytest.mark.parametrize("kind", [pa.list_(pa.float32()), pa.large_list(pa.float64()), pa.list_(pa.int32())])
def test_lists_of_different_lengths_are_returned_in_query_order(kind: pa.DataType, tmp_path: Path) -> None:
    rows = [[3.0], [1.0, 2.0], []]
    answers, problems = read(parquet(tmp_path, query=["c", "a", "b"], landmarks=pa.array(rows, kind)))
    assert problems == []
    assert answers is not None
    assert [row.tolist() for row in answers.rows("landmarks")] == [[1.0, 2.0], [], [3.0]]
    assert {row.dtype for row in answers.rows("landmarks")} == {np.dtype(np.float32)}


def test_lists_of_equal_length_are_also_accepted(tmp_path: Path) -> None:
    fixed = pa.FixedSizeListArray.from_arrays(pa.array(np.arange(6.0)), 2)
    answers, problems = read(parquet(tmp_path, landmarks=fixed))
    assert problems == []
    assert answers is not None
    assert [row.tolist() for row in answers.rows("landmarks")] == [[0, 1], [2, 3], [4, 5]]


def test_lists_in_several_row_groups_are_joined(tmp_path: Path) -> None:
    table = pa.table({"query": list(IDS), "landmarks": LISTS})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=1)
    answers, problems = read(tmp_path / "a.parquet")
    assert problems == []
    assert answers is not None
    assert [row.tolist() for row in answers.rows("landmarks")] == LISTS


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"landmarks": [[1.0] * 4097, [], []]}, "a.parquet: column 'landmarks' holds a list of 4097 numbers, more than 4096"),
        (
            {"landmarks": [[1.0], None, []]},
            "column 'landmarks' has 1 missing lists; use an empty list for a row without numbers",
        ),
        ({"landmarks": [[1.0], [None], []]}, "column 'landmarks' has 1 missing values"),
        ({"landmarks": [["x"], [], []]}, "column 'landmarks' must hold numbers, got string"),
        ({"landmarks": [[True], [], []]}, "column 'landmarks' must hold numbers, got bool"),
        ({"landmarks": [[[1.0]], [], []]}, "column 'landmarks' must hold numbers, got list"),
        ({"landmarks": [[{"x": 1}], [], []]}, "column 'landmarks' must hold numbers, got struct"),
        (
            {"landmarks": [1.0, 2.0, 3.0]},
            "column 'landmarks' must hold a list of numbers in every row (Parquet), got double",
        ),
        ({"landmarks": ["1", "2", "3"]}, "must hold a list of numbers in every row (Parquet), got string"),
        ({"landmarks_0": [1.0, 2.0, 3.0]}, "'landmarks' is ragged; submit it as one column of lists, in Parquet"),
        ({"landmarks": [[1.0, np.nan], [], [np.inf]]}, "'landmarks' holds NaN or infinite numbers: row 1 ('a'), row 3 ('c')"),
        ({"landmarks": [[1e300], [], []]}, "landmarks holds NaN or infinite values in 1 rows, the first is 0"),
        ({"landmarks": LISTS[:2]}, None),
        ({"rank": [1, 2, 3]}, "expected 'landmarks', got none"),
        ({"landmarks": LISTS, "rank": [1, 0, 3]}, "rank must be positive"),
        ({"landmarks": LISTS, "rank": [1.0, 2.0, 3.0]}, "column 'rank' must hold integers, got double"),
        ({"landmarks": LISTS, "angle": [[1.0], [2.0], [3.0]]}, "'angle' needs 2 numbers per row, got 1"),
        ({"landmarks": LISTS, "landmark": LISTS}, "unknown column 'landmark'; did you mean 'landmarks'"),
        ({}, "expected columns of landmarks, rank, angle, got none of them"),
    ],
)
def test_invalid_lists_are_rejected(columns: dict[str, Any], message: str | None, tmp_path: Path) -> None:
    if message is None:  # fewer rows than queries
        path, message = parquet(tmp_path, query=IDS[:2], **columns), "queries without an answer: c"
    else:
        path = parquet(tmp_path, **columns)
    answers, problems = read(path)
    assert answers is None
    assert any(message in line for line in problems), problems


def test_too_many_values_are_rejected_before_they_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of values is read from the metadata of the file; nothing is decompressed."""
    lists = pa.ListArray.from_arrays(
        pa.array([0, 10_000_000, 10_000_000, 10_000_000], pa.int32()), np.zeros(10_000_000, np.int8)
    )
    path = parquet(tmp_path, landmarks=lists)
    monkeypatch.setattr(arrays, "_from_table", lambda *_: pytest.fail("the file was read"))
    answers, problems = read(path)
    assert answers is None
    assert "column 'landmarks' holds 10000002 values, more than any answers to 3 queries" in problems[0]


def test_ragged_columns_require_parquet(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", query=np.array(IDS), landmarks=np.zeros((3, 2)))
    assert "'landmarks' is ragged; submit it as Parquet" in read(tmp_path / "a.npz")[1][0]
    (tmp_path / "a.csv").write_text("query,landmarks\na,1\nb,2\nc,3\n")
    assert "must hold a list of numbers in every row (Parquet), got double" in read(tmp_path / "a.csv")[1][0]
    (tmp_path / "a.csv").write_text("query,landmarks_0,landmarks_1\na,1,1\nb,2,2\nc,3,3\n")
    assert "submit it as one column of lists, in Parquet" in read(tmp_path / "a.csv")[1][0]


def test_exported_lists_equal_the_answers() -> None:
    answers = Answers(landmarks=Ragged.of([np.array(row) for row in LISTS]))
    assert FORM.exported(answers) == answers.arrays
    assert (FORM.widths, FORM.whole) == ({"landmarks": None, "rank": 1, "angle": 2}, ("rank",))
