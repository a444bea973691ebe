import re

import pytest

from atombench.board.columns import COLUMNS, SCORE, Kind, cell, place_of, whisker, written
from atombench.board.rows import make_rows
from tests.records.made import example, full


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (0.0305, "share", "3.0"), (1.0, "share", "100.0"), (-0.5, "share", "-50.0"), (1e308, "share", "1.0e+308"),
        (12.345, "number", "12.35"), (282562.0, "count", "282\u202f562"), (0.0, "count", "0"), (3.21, "seconds", "3.2"),
        (1e9, "seconds", "1.0e+09"),
    ],
)  # fmt: skip
def test_numbers_are_written_as_readers_expect(value: float, kind: Kind, text: str) -> None:
    assert written(value, kind) == text


def test_a_cell_sorts_by_its_exact_value_and_a_blank_one_stands_below_with_its_reason() -> None:
    rows = [*make_rows([full("regismcan", 1, 0.3)])[0], *make_rows([example("zero")])[0]]
    values = {row.method: cell(row, SCORE) for row in rows}
    exact = rows[0].primary.value if rows[0].primary else 0
    assert f'data-order="{exact!r}"' in values["regismcan"]
    for column in COLUMNS:
        blank = cell(next(row for row in rows if row.method == "zero"), column)
        if "none" in blank:
            assert re.search(r'title="[^"]{10,}"', blank)
            assert f'data-order="{"-1e99" if column.rising else "1e99"}"' in blank


def test_whiskers_stand_on_a_logarithmic_axis_and_never_leave_it() -> None:
    assert [place_of(value) for value in (0.001, 0.01, 0.1, 1.0)] == pytest.approx([0, 100 / 3, 200 / 3, 100])
    assert place_of(-3) == place_of(0) == 0
    assert place_of(1e308) == 100
    row = make_rows([full("regismcan", 1, 0.3)])[0][0]
    low, value, high = (float(re.search(rf"--{name}:([0-9.]+)", whisker(row))[1]) for name in "lvh")  # type: ignore[index]
    assert 0 < low < value < high < 100
