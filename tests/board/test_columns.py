import re

from atombench.board.columns import Column, axis_of, cell, columns_of, whisker
from atombench.tasks.atom.specs import SPECS
from tests.board.made import rows_of
from tests.records.made import example, full

COLUMNS = columns_of(SPECS, SPECS[0].key)
SCORE = COLUMNS[0]


def test_cells_sort_by_exact_value_and_blank_cells_come_last_with_a_reason() -> None:
    rows = [*rows_of(full("regismcan", 1, 0.3)), *rows_of(example("zero"))]
    values = {row.method: cell(row, SCORE) for row in rows}
    exact = rows[0].primary.value if rows[0].primary else 0
    assert f'data-order="{exact!r}"' in values["regismcan"]
    blanks = 0
    for column in COLUMNS:
        blank = cell(next(row for row in rows if row.method == "zero"), column)
        if "none" in blank:
            blanks += 1
            assert re.search(r'title="[^"]{10,}"', blank)
            assert f'data-order="{"-1e99" if column.falling else "1e99"}"' in blank
    assert blanks > 10


def test_columns_follow_the_metrics_and_end_with_the_costs() -> None:
    listed = [spec.key for spec in SPECS if spec.protocol in ("strict", "published")]
    swapped = [(name, "fine_recall@1") for name in ("volume-swap", "section-swap", "shift")]
    assert [column.source for column in COLUMNS[:-5]] == [listed[0], *swapped, *listed[1:]]
    assert [column.key for column in COLUMNS[-5:]] == ["parameters", "train", "predict", "gpu", "memory"]
    assert len({column.key for column in COLUMNS}) == len(COLUMNS)
    assert not any(Column.of(spec).falling for spec in SPECS if spec.unit in ("mm", "voxel", "degree"))


def test_a_whisker_spans_the_interval_around_its_value() -> None:
    row = rows_of(full("regismcan", 1, 0.3))[0]
    drawn = whisker(row, axis_of(SPECS[0], [row]))
    low, value, high = (float(re.search(rf"--{name}:([0-9.]+)", drawn)[1]) for name in "lvh")  # type: ignore[index] # all three match
    assert 0 < low < value < high < 100
