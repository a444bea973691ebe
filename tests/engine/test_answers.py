"""Answers with fields of fixed width and ragged fields: checked, sorted, written and read."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atombench.engine.answers import Answers, Field, Ragged, check_answers, load_answers, save_answers
from atombench.engine.exchanges import Exchanged, load_exchanged, save_exchanged
from atombench.errors import DataError


def _in_threes(values: np.ndarray) -> str | None:
    return "landmarks need three coordinates each" if len(values) % 3 else None


FIELDS = (Field("scores", 4), Field("landmarks", None, "float64", _in_threes))
SOURCE = {"manifest": "m", "seed": "1"}


def example(lengths: tuple[int, ...] = (3, 0, 6, 3)) -> Answers:
    rng = np.random.default_rng(0)
    landmarks = Ragged.of([rng.normal(size=(length // 3, 3)) for length in lengths])
    return Answers(scores=rng.random((len(lengths), 4)).astype(np.float32), landmarks=landmarks, probabilities=True)


def same(first: list[np.ndarray], second: list[np.ndarray]) -> bool:
    return len(first) == len(second) and all(np.array_equal(*pair) for pair in zip(first, second, strict=True))


@given(st.lists(st.lists(st.floats(-9, 9), max_size=5), max_size=6))
def test_ragged_rows_are_unchanged(rows: list[list[float]]) -> None:
    ragged = Ragged.of([np.array(row) for row in rows])
    assert len(ragged) == len(rows)
    assert [row.tolist() for row in ragged.rows()] == rows
    order = np.arange(len(rows))[::-1]
    assert [row.tolist() for row in ragged.take(order).rows()] == rows[::-1]


def test_taking_no_rows_keeps_the_dtype() -> None:
    ragged = Ragged.of([np.zeros(2, np.int16), np.zeros(0, np.int16)])
    assert ragged.take(np.array([], np.int64)).values.dtype == np.int16
    assert ragged.take(np.array([1])).values.dtype == np.int16


@pytest.mark.parametrize("lengths", [(3, 0, 6, 3), (0, 0), (9,), (0,)])
def test_answers_are_unchanged_by_writing_and_reading_and_files_are_reproducible(
    lengths: tuple[int, ...], tmp_path: Path
) -> None:
    answers, path = example(lengths), tmp_path / "a.parquet"
    save_answers(path, answers, SOURCE, len(lengths))
    save_answers(tmp_path / "b.parquet", answers, SOURCE, len(lengths))
    assert path.read_bytes() == (tmp_path / "b.parquet").read_bytes()
    found = load_answers(path, FIELDS, SOURCE, len(lengths))
    assert found.probabilities
    np.testing.assert_array_equal(found.get("scores"), answers.get("scores"))
    assert same(found.rows("landmarks"), answers.rows("landmarks"))
    assert found.get("landmarks").dtype == np.float64


def test_a_subset_of_ragged_answers_is_unchanged_by_writing_and_reading(tmp_path: Path) -> None:
    """A slice of an Arrow column keeps the offsets of the whole."""
    answers = example().take(np.array([2, 3]))
    save_answers(tmp_path / "a.parquet", answers, SOURCE, 2)
    assert same(load_answers(tmp_path / "a.parquet", FIELDS, SOURCE, 2).rows("landmarks"), answers.rows("landmarks"))


def test_answers_longer_than_a_row_group_are_unchanged_by_writing_and_reading(tmp_path: Path) -> None:
    count = 1_100_000
    answers = Answers(landmarks=Ragged(np.arange(3.0 * count), np.full(count, 3)))
    save_answers(tmp_path / "a.parquet", answers, SOURCE, count)
    found = load_answers(tmp_path / "a.parquet", FIELDS, SOURCE, count)
    np.testing.assert_array_equal(found.get("landmarks"), answers.get("landmarks"))
    assert len(found) == count


def test_sorting_by_manifest_row_reverts_the_order_of_the_queries() -> None:
    answers, order = example(), np.array([2, 0, 3, 1])
    found = answers.take(order).in_manifest_order(order)
    np.testing.assert_array_equal(found.get("scores"), answers.get("scores"))
    assert same(found.rows("landmarks"), answers.rows("landmarks"))
    assert found.probabilities


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"scores": Ragged.of([np.zeros(4)] * 4)}, "expected scores as an array, got Ragged"),
        ({"landmarks": np.zeros((4, 3))}, "expected landmarks as Ragged, got ndarray"),
        ({"landmarks": Ragged.of([np.zeros(3)] * 3)}, r"expected landmarks of shape \(4,\), got \(3,\)"),
        ({"landmarks": Ragged.of([np.zeros(3)] * 3 + [np.zeros(2)])}, "landmarks need three coordinates each"),
        ({"landmarks": Ragged.of([np.zeros(3)] * 2 + [np.full(6, np.nan), np.zeros(0)])}, "in 1 rows, the first is 2"),
        ({"scores": np.array([[0.0] * 4, [np.inf] * 4, [0.0] * 4, [np.nan] * 4])}, "in 2 rows, the first is 1"),
        ({"landmarks": Ragged(np.zeros(9), np.array([3, 3, 0, 0]))}, "lengths of landmarks add up to 6, but it has 9 values"),
        ({"landmarks": Ragged(np.zeros(6), np.array([-3, 3, 3, 3]))}, "lengths of landmarks .* negative"),
        ({"colours": np.zeros((4, 3))}, r"unknown answers 'colours' \(valid: scores, landmarks\)"),
    ],
)
def test_answers_that_do_not_match_their_fields_are_refused(arrays: dict, message: str) -> None:
    with pytest.raises(DataError, match=message):
        check_answers(Answers.of(arrays), FIELDS, 4)


def test_a_file_with_another_source_or_length_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    save_answers(path, example(), SOURCE, 4)
    with pytest.raises(DataError, match="was computed with seed 1, expected 2; predict again"):
        load_answers(path, FIELDS, {**SOURCE, "seed": "2"}, 4)
    with pytest.raises(DataError, match="must contain queries 0 to 4 in this order, but has 4 rows"):
        load_answers(path, FIELDS, SOURCE, 5)


def test_a_failed_method_writes_a_file_without_answers(tmp_path: Path) -> None:
    save_answers(tmp_path / "a.parquet", Answers(), SOURCE, 4)
    assert load_answers(tmp_path / "a.parquet", FIELDS, SOURCE, 4).arrays == {}


def test_a_missing_field_is_reported() -> None:
    assert Answers(scores=np.zeros((1, 4))).get("landmarks") is None
    with pytest.raises(DataError, match="expected answers with 'landmarks', got scores"):
        Answers(scores=np.zeros((1, 4))).rows("landmarks")


class Exchanging:
    """A task that stores its ragged answers completely under an exchange."""

    answers = FIELDS
    kept_fields: tuple[Field, ...] = ()

    def kept(self, answers: Answers, queries: object) -> Answers:
        return answers


def test_ragged_answers_to_exchanged_inputs_are_unchanged_by_writing_and_reading(tmp_path: Path) -> None:
    path, answers = tmp_path / "s.parquet", example()
    asked = np.array([5, 0, 3, 2])
    save_exchanged(path, {"fixed-swap": Exchanged(asked, answers)}, SOURCE)
    (found,) = load_exchanged(path, Exchanging(), SOURCE, 6).values()
    assert found.asked.tolist() == asked.tolist()
    assert same(found.answers.rows("landmarks"), answers.rows("landmarks"))
    np.testing.assert_array_equal(found.answers.get("scores"), answers.get("scores"))
