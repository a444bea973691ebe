"""Tests of a site with a second task, with an error in mm as primary metric."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from atombench.board.columns import axis_of, cell, columns_of, whisker
from atombench.board.rows import make_rows
from atombench.pages.axis import Axis
from atombench.records.verdicts import verdicts
from tests.board.made import rows_of, site_of
from tests.board.made_task import DISTANCE, NAME, known, run_of
from tests.records.made import example

SPEC = DISTANCE.metrics[0]
BOARD = "boards/distance-elsewhere-b1.html"
RUNS = [run_of("finder", 3, 12), run_of("deaf", 8, 8), run_of("middle", 20), run_of("worse", 40, 20)]


@pytest.fixture(scope="module", autouse=True)
def registered_task() -> Iterator[None]:
    with known():
        yield


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    levels = [run_of("finder", 3 + level, condition=f"blur-{level}") for level in (1, 2)]
    return site_of(
        tmp_path_factory.mktemp("two"), *RUNS, *levels, example("constant"), example("regismcan", rate=0.6, role="network")
    )


def test_the_method_with_the_lowest_error_ranks_first() -> None:
    rows, pairs = make_rows(DISTANCE, sorted(RUNS, key=lambda record: record.run.order))
    assert [row.method for row in rows] == ["finder", "deaf", "middle", "worse"]  # and no chance level
    assert [row.standing.rank for row in rows if row.standing] == [1, 2, 3, 4]
    assert [row.standing.group for row in rows if row.standing] == [1, 2, 3, 4]
    values = {row.method: row.primary.value for row in rows if row.primary}
    for pair in pairs:
        assert pair.difference == pytest.approx(values[pair.first] - values[pair.second])


def test_a_method_is_blind_unless_its_error_increases_when_an_input_is_exchanged() -> None:
    found = {method: [verdict.mark for verdict in every] for method, every in verdicts(RUNS, SPEC).items()}
    assert found == {"finder": [""], "deaf": ["slide-blind"], "worse": ["slide-undecided"]}  # the last gets better


def test_columns_sort_in_ascending_order_unless_higher_is_better() -> None:
    error, _, inside, *_ = columns_of(DISTANCE.metrics, DISTANCE.primary)
    assert (error.falling, inside.falling) == (False, True)
    row = rows_of(run_of("finder", 3))[0]
    assert row.primary is not None
    assert f'data-order="{row.primary.value!r}"' in cell(row, error)
    assert re.search(rf">{row.primary.value:.2f} <small>", cell(row, error))
    absent = columns_of(DISTANCE.metrics, DISTANCE.primary)[1]
    assert 'data-order="1e99"' in cell(row, absent)  # blank cells come last


def test_errors_are_drawn_on_a_linear_axis_from_zero() -> None:
    rows = rows_of(*RUNS)
    axis = axis_of(SPEC, rows)
    assert 30 < max(row.primary.high for row in rows if row.primary and row.primary.high) < 60
    assert axis.labels == ("0", "20", "40", "60 mm")
    assert [axis.place(value) for value in (-1, 0, 15, 30, 60, 1e9)] == [0, 0, 25, 50, 100, 100]
    row = rows[1]
    assert row.primary
    assert f"--v:{axis.place(row.primary.value):.1f};" in whisker(row, axis)
    assert Axis.of(SPEC, []).place(1.5) == 50  # nothing to draw yet


def test_the_page_that_compares_conditions_sorts_errors_in_ascending_order_and_counts_no_failures(site: Path) -> None:
    page = (site / BOARD.replace("boards/", "compared/")).read_text()
    assert "data-falling" not in page
    assert "begins to fail" not in page
    assert (
        re.findall(r'<tr data-family[^>]*><th[^>]*data-order="(.*?)"', page)[0] == "finder"
    )  # the only one under all conditions


def test_a_board_of_the_task_shows_errors_in_mm_without_chance_and_without_panels(site: Path) -> None:
    page = (site / BOARD).read_text()
    assert re.findall(r'data-method="(.*?)"', page) == ["finder", "deaf", "middle", "worse"]
    assert re.search(r'data-key="error"[^>]*data-number', page)
    assert not re.search(r'data-key="error"[^>]*data-falling', page)
    assert re.search(r'data-key="inside"[^>]*data-falling', page)
    assert "--chance" not in page
    assert "red line" not in page
    assert "logarithmic" not in page
    assert "linear, from 0 to\n60 mm." in page
    assert "volumes" not in page
    assert "slide-blind</span>" in page
    assert "Recall at k" not in page
    assert "Missing" not in page
    figure = re.search(r'data-plot="plot-severity[^"]*">(.*?)</script>', page, re.DOTALL)
    assert figure
    (mine,) = [trace for trace in json.loads(figure[1])["data"] if trace["name"] == "finder"]
    assert mine["x"] == [0, 1, 2]
    assert mine["y"] == sorted(mine["y"])
    assert "tickformat" not in json.loads(figure[1])["layout"]["yaxis"]


def test_two_tasks_share_a_site_with_separate_pages(site: Path) -> None:
    assert {path.stem for path in (site / "boards").glob("*.html")} == {
        "atom-toy-hard-none-x1",
        "distance-elsewhere-b1",
        "distance-elsewhere-b1-blur-1",
        "distance-elsewhere-b1-blur-2",
    }
    page = (site / "index.html").read_text()
    assert re.search(r'<select data-filter="task">.*<option>atom</option><option>distance</option>', page)
    assert "atom 1.1, distance 0.3" in page
    assert "primary metric" in page
    assert "recall@1</span>" in page
    assert "error, mm</span>" in page
    hard = (site / "boards/atom-toy-hard-none-x1.html").read_text()
    assert "Recall at k" in hard
    assert "finder" not in hard
    assert (site / "paper.html").is_file()
    assert "finder" not in (site / "paper.html").read_text()


def test_results_of_two_tasks_are_in_one_table(site: Path) -> None:
    table = pd.read_csv(site / "results.csv")
    assert set(table["task"]) == {"atom", NAME}
    mine = table[table["task"] == NAME]
    assert mine[["gathering", "split", "scale"]].isna().all().all()
    assert set(mine["board"]) == {"b1"}
    assert set(mine["protocol"]) == {"strict", "slide-swap"}
    assert set(mine["degradation"]) == {"clean", "blur"}
    assert "chance" not in set(mine["method"])


def test_a_method_of_both_tasks_has_one_page_with_both_metrics(tmp_path: Path) -> None:
    out = site_of(tmp_path, example("finder", rate=0.4, role="network"), run_of("finder", 3), run_of("middle", 20))
    page = (out / "methods/finder.html").read_text()
    assert len(re.findall(r'<h2 id="on-', page)) == 2
    rows = re.findall(r'<tr><th scope="row"><a href="#on-.*?</tr>', page, re.DOTALL)
    assert any("recall@1" in row for row in rows)
    assert any("error, mm" in row for row in rows)


def test_a_site_without_boards_of_atom_has_no_pages_of_atom(tmp_path: Path) -> None:
    out = site_of(tmp_path, *RUNS)
    assert not (out / "paper.html").exists()
    page = (out / "index.html").read_text()
    assert "paper.html" not in page
    assert "729 overlapping boxes" not in page
    assert "volume-blind" not in page
    assert "<b>slide-blind</b>" in page
    assert not (out / "assets/viewer.js").exists()


def test_the_start_page_shows_the_references_next_to_the_best_method(site: Path) -> None:
    page = (site / "index.html").read_text()
    row = re.search(r'<tr [^>]*data-task="distance"[^>]*data-condition="clean".*?</tr>', page, re.DOTALL)
    assert row
    assert "finder" in row[0]
    assert "not run on this board" in row[0]  # the references of atom
    assert page.count("<th scope=") > 5
