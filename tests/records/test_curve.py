"""Training curves on their way into a record."""

import json
from itertools import pairwise
from pathlib import Path

import pytest

from atombench.engine.training.curve import Curve
from atombench.errors import DataError
from atombench.records.curve import ROWS, read_curve


def written(path: Path, count: int) -> Path:
    Curve(path, [{"step": 10 * row, "train/loss": 1 / (row + 1)} for row in range(count)])
    return path


@pytest.mark.parametrize("count", [0, 1, 2, ROWS])
def test_a_short_curve_is_kept_whole(count: int, tmp_path: Path) -> None:
    found = read_curve(written(tmp_path / "c.jsonl", count))
    assert found == [{"step": 10.0 * row, "train/loss": 1 / (row + 1)} for row in range(count)]
    assert all(isinstance(value, float) for row in found for value in row.values())


@pytest.mark.parametrize("count", [ROWS + 1, 1000])
def test_a_long_curve_is_thinned_evenly_and_keeps_its_ends(count: int, tmp_path: Path) -> None:
    steps = [row["step"] / 10 for row in read_curve(written(tmp_path / "c.jsonl", count))]
    assert len(steps) == ROWS == 64
    assert (steps[0], steps[-1]) == (0, count - 1)
    gaps = [after - before for before, after in pairwise(steps)]
    assert max(gaps) - min(gaps) <= 1


def test_values_that_are_not_finite_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "c.jsonl").write_text('{"step": 1, "loss": NaN}\n{"step": 2, "loss": 0.5, "rate": -Infinity}\n')
    assert read_curve(tmp_path / "c.jsonl") == [{"step": 1.0}, {"step": 2.0, "loss": 0.5}]


@pytest.mark.parametrize("line", ['{"step": 1', "[1, 2]", '{"step": "one"}', '{"step": null}', "", json.dumps({"n": 10**400})])
def test_a_damaged_curve_is_named(line: str, tmp_path: Path) -> None:
    (tmp_path / "c.jsonl").write_text(f'{{"step": 1}}\n{line}\n')
    with pytest.raises(DataError, match=r"c\.jsonl is not a training curve of JSON lines .*; delete it and train again"):
        read_curve(tmp_path / "c.jsonl")


def test_a_curve_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot read .*c\.jsonl"):
        read_curve(tmp_path / "c.jsonl")
