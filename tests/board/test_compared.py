"""The page that compares methods under all conditions of a board."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from atombench.io.images import as_png
from atombench.records.board import CLEAN
from tests.board.made import site_of
from tests.board.some import EASY, HARD
from tests.records.made import example

PAGE = "compared/atom-toy-hard-none-x1.html"
RATES = {
    "regismcan": ("network", {CLEAN: 0.8, "histology-1": 0.7, "histology-3": 0.2, "from-t2": 0.1}),
    "exhaustive": ("search", {CLEAN: 1.0, "histology-1": 0.1, "histology-3": 0.0}),
    "exhaustive+ncc": ("search", {CLEAN: 0.9, "histology-1": 0.6, "histology-3": 0.1}),
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    runs = [
        example(method, 1, rate, condition=condition, role=role)
        for method, (role, rates) in RATES.items()
        for condition, rate in rates.items()
    ]
    return site_of(tmp_path_factory.mktemp("compared"), *runs, example("constant", gathering="easy"))


def cells(row: str) -> list[str]:
    """Return the texts of the cells of a table row."""
    return [re.sub(r"<[^>]+>|\s+", " ", cell).strip() for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)]


def rows(page: str, heading: str) -> list[list[str]]:
    """Return the rows of the table under a heading, with that of its head."""
    part = page[page.index(f'id="{heading}"') :]
    table = part[part.index("<table") : part.index("</table>")]
    return [cells(row) for row in re.findall(r"<tr[^>]*>(.*?)</tr>", table, re.DOTALL)]


def test_scores_are_listed_by_condition_and_complete_methods_first(site: Path) -> None:
    head, *lines = rows((site / PAGE).read_text(), "scores")
    assert head[2:6] == [CLEAN, "histology-1", "histology-3", "from-t2"]
    methods = [line[0].split()[0] for line in lines if line[0].split()[0] in RATES]
    assert methods == ["regismcan", "exhaustive+ncc", "exhaustive"]  # two were not run on sections of another contrast
    scores = {line[0].split()[0]: line[1:6] for line in lines}
    assert scores["exhaustive+ncc"][0] == scores["exhaustive+ncc"][4] == "–"
    mean, *values = (float(value.split()[0]) for value in scores["regismcan"])
    assert mean == pytest.approx(sum(values) / 4, abs=0.1)


def test_every_cell_of_a_column_of_numbers_has_a_sort_key(site: Path) -> None:
    page = (site / PAGE).read_text()
    table = page[page.index('<table id="table"') : page.index("</table>")]
    numbers = table.count("data-number")
    for line in re.findall(r"<tr data-family.*?</tr>", table, re.DOTALL):
        assert len(re.findall(r"<td[^>]*data-order", line)) == numbers


def test_pictures_of_failures_are_shown_where_the_method_begins_to_fail(tmp_path: Path) -> None:
    png = as_png(np.zeros((4, 4), np.float32))
    picture = {
        "section": 77,
        "volume": "v1",
        "rank": 9,
        "box": 3,
        "distance_voxel": 2.5,
        "pixels": png,
        "there": png,
        "answered": png,
    }
    runs = [
        example(
            "mcan", 1, rate, condition=condition, role="network", own={"answers": [], "failures": [{**picture, "section": n}]}
        )
        for n, (condition, rate) in enumerate(((CLEAN, 0.9), ("histology-1", 0.3), ("histology-3", 0.1)))
    ]
    page = (site_of(tmp_path, *runs) / PAGE).read_text()
    assert re.findall(r"section (\d+) \(", page) == ["1"]


def test_searches_are_ranked_under_each_condition(site: Path) -> None:
    _, *lines = rows((site / PAGE).read_text(), "searches")
    assert [(line[0], line[1].split()[0]) for line in lines] == [
        (CLEAN, "exhaustive"),
        ("histology-1", "exhaustive+ncc"),
        ("histology-3", "exhaustive+ncc"),
    ]


def test_each_method_states_where_it_begins_to_fail(site: Path) -> None:
    page = (site / PAGE).read_text()
    found = dict(re.findall(r"<summary><bdi>([^<]+)</bdi>: ([^<]+)</summary>", page))
    assert {name: found[name] for name in RATES} == {
        "regismcan": "histology-3",
        "exhaustive": "histology-1",
        "exhaustive+ncc": "histology-3",
    }
    assert "methods/regismcan.html#on-atom-toy-hard-none-x1-histology-3" in page


def test_the_figure_has_the_scores_of_every_condition(site: Path) -> None:
    match = re.search(r'data-plot="plot-cost-by-condition">(.*?)</script>', (site / PAGE).read_text(), re.DOTALL)
    assert match
    traces = {(trace["name"], trace["xaxis"]): trace for trace in json.loads(match[1])["data"]}
    assert {name for name, _ in traces} == {CLEAN, "histology-1", "histology-3", "from-t2"}
    shown = traces["histology-1", "x2"]
    scores = {text.split(":")[0]: y for text, y in zip(shown["text"], shown["y"], strict=True)}
    assert scores["regismcan"] > scores["exhaustive+ncc"] > scores["exhaustive"]
    assert all(x > 0 for x in shown["x"])


def test_only_boards_with_several_conditions_have_the_page(site: Path) -> None:
    assert [path.name for path in (site / "compared").iterdir()] == [Path(PAGE).name]
    assert f"../{PAGE}" in (site / HARD).read_text()
    assert "compared/" not in (site / EASY).read_text()
