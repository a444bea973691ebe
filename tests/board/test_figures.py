import json
from typing import Any

from atombench.board import figures
from atombench.board.board_page import make_figures
from atombench.pages.figure import Figure
from atombench.tasks.atom.specs import SPECS
from atombench.tasks.atom.task import ATOM
from tests.board.made import rows_of
from tests.records.made import example, full

SPEC = SPECS[0]
CONTROLS = ATOM.registry.controls


def drawn(figure: Figure) -> dict[str, Any]:
    return {trace["name"]: trace for trace in json.loads(figure.content)["data"]}


def test_the_best_methods_and_all_controls_are_drawn() -> None:
    controls = [example(name, rate=0.01) for name in CONTROLS]
    others = [example(f"m{number:02d}", number, 0.2 + number / 50, role="network") for number in range(20)]
    chosen = [row.method for row in figures.chosen(rows_of(*controls, *others), CONTROLS)]
    assert len(chosen) == figures.BEST + len(CONTROLS)
    assert set(CONTROLS) <= set(chosen)
    assert "m19" in chosen
    assert "m00" not in chosen
    assert "chance" not in chosen


def test_figures_contain_the_values_of_the_records() -> None:
    records = [full("regismcan", 1, 0.3), full("regismcan", 2, 0.5), full("constant", 1, 0.1, role="control")]
    rows = rows_of(*records)[:-1]
    cost, errors, reliability, curves = make_figures(rows, records, SPEC)
    assert drawn(errors)["regismcan"]["x"] == records[0].errors["centre_mm"]
    assert drawn(errors)["regismcan"]["y"][0::20] == [0, 1]
    assert drawn(reliability)["regismcan"]["x"] == [part.confidence for part in records[0].reliability]
    assert drawn(cost)["regismcan"]["x"] == [3.0]  # seconds: the second panel is drawn last
    lines = [trace for trace in json.loads(curves.content)["data"] if trace["name"] == "regismcan"]
    assert len(lines) == 4  # two seeds, score and loss
    assert lines[0]["y"] == [point["val/fine_recall@1"] for point in records[0].curve]
    assert "mm" in json.loads(errors.content)["layout"]["xaxis"]["title"]["text"]


def test_an_empty_figure_states_the_reason() -> None:
    record = example("constant", training=None, predicting=None, about={})
    for figure in make_figures(rows_of(record)[:-1], [record], SPEC):
        assert figure.content == ""
        assert figure.reason
    assert figures.severity_figure({0: rows_of(record)}, "condition", SPEC, CONTROLS).reason


def test_the_severity_figure_contains_scores_by_severity() -> None:
    boards = {level: rows_of(example("regismcan", rate=0.9 - level / 10, role="network")) for level in (2, 0, 1)}
    figure = drawn(figures.severity_figure(boards, "histology", SPEC, CONTROLS))["regismcan"]
    assert figure["x"] == [0, 1, 2]
    assert figure["y"] == [rows[0].primary.value for _, rows in sorted(boards.items()) if rows[0].primary]
