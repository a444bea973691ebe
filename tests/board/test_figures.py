import json
from typing import Any

import pytest

from atombench.board import figures
from atombench.board.board_page import make_figures
from atombench.board.rows import Row, make_rows
from atombench.records.record import Record
from atombench.tasks.atom.methods.table import CONTROLS
from tests.records.made import example, full


def rows_of(*records: Record) -> list[Row]:
    return make_rows(sorted(records, key=lambda record: record.unit.key))[0]


def drawn(figure: figures.Figure) -> dict[str, Any]:
    return {trace["name"]: trace for trace in json.loads(figure.content)["data"]}


def test_the_best_methods_and_all_controls_are_drawn() -> None:
    controls = [example(name, rate=0.01) for name in CONTROLS]
    others = [example(f"m{number:02d}", number, 0.2 + number / 50, role="network") for number in range(20)]
    chosen = [row.method for row in figures.chosen(rows_of(*controls, *others))]
    assert len(chosen) == figures.BEST + len(CONTROLS)
    assert set(CONTROLS) <= set(chosen)
    assert "m19" in chosen
    assert "m00" not in chosen


def test_figures_hold_what_records_say() -> None:
    records = [full("regismcan", 1, 0.3), full("regismcan", 2, 0.5), full("constant", 1, 0.1, role="control")]
    rows = rows_of(*records)
    cost, recall, errors, reliability, curves = make_figures(rows, records)
    mine = next(row for row in rows if row.method == "regismcan")
    assert drawn(recall)["regismcan"]["y"] == [mine.numbers["strict", f"fine_recall@{k}"].value for k in (1, 5, 10)]
    assert drawn(recall)["chance"]["y"] == [0.01] * 3
    assert drawn(errors)["regismcan"]["x"] == records[0].errors["centre_mm"]
    assert drawn(errors)["regismcan"]["y"][0::20] == [0, 1]
    assert drawn(reliability)["regismcan"]["x"] == [one.confidence for one in records[0].reliability]
    assert drawn(cost)["regismcan"]["x"] == [3.0]  # seconds: the second panel is drawn last
    lines = [trace for trace in json.loads(curves.content)["data"] if trace["name"] == "regismcan"]
    assert len(lines) == 4  # two seeds, score and loss
    assert lines[0]["y"] == [point["val/fine_recall@1"] for point in records[0].curve]
    assert "mm" in json.loads(errors.content)["layout"]["xaxis"]["title"]["text"]


def test_a_figure_without_anything_to_draw_says_why() -> None:
    record = example("constant", training=None, predicting=None, about={})
    for figure in make_figures(rows_of(record), [record])[2:]:
        assert figure.content == ""
        assert figure.reason
    assert figures.severity_figure({0: rows_of(record)}, "degradation").reason


def test_scores_are_followed_over_severities() -> None:
    boards = {level: rows_of(example("regismcan", rate=0.9 - level / 10, role="network")) for level in (2, 0, 1)}
    figure = drawn(figures.severity_figure(boards, "histology"))["regismcan"]
    assert figure["x"] == [0, 1, 2]
    assert figure["y"] == [rows[0].primary.value for _, rows in sorted(boards.items()) if rows[0].primary]


@pytest.mark.parametrize("name", ["<b>x</b>", "%{x}", "y" * 500])
def test_names_are_no_markup_for_plotly(name: str) -> None:
    safe = figures._safe(name)
    assert not set("<>") & set(safe)
    assert "%{" not in safe
    assert len(safe) < 80
