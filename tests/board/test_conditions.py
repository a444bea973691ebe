"""Tests of a board with results under several conditions."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from atombench.board.changes import changes_of
from atombench.records.board import CLEAN
from atombench.records.record import Record
from atombench.statistics.bootstrap import Clustered
from tests.board.made import site_of
from tests.board.some import EASY, HARD
from tests.records.made import example

RATES = {CLEAN: 0.8, "histology-1": 0.5, "histology-3": 0.2}
MILD, STRONG = "boards/atom-toy-hard-none-x1-histology-1.html", "boards/atom-toy-hard-none-x1-histology-3.html"


def under(condition: str, rate: float, method: str = "regismcan") -> Record:
    return example(method, 1, rate, condition=condition, role="network")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    runs = [
        record
        for condition, rate in RATES.items()
        for record in (under(condition, rate), example("constant", rate=0.1, condition=condition))
    ]
    return site_of(tmp_path_factory.mktemp("conditions"), *runs, example("constant", gathering="easy"))


def severity(page: str) -> dict[str, list[float]]:
    """Return the scores by severity of each method from the figure of a page."""
    match = re.search(r'data-plot="plot-severity[^"]*">(.*?)</script>', page, re.DOTALL)
    assert match
    traces = json.loads(match[1])["data"]
    assert all(trace["x"] == [0, 1, 3] for trace in traces)
    return {trace["name"]: trace["y"] for trace in traces}


def test_every_condition_has_a_page_with_the_scores_under_all_conditions(site: Path) -> None:
    assert {f"boards/{path.name}" for path in (site / "boards").glob("*.html")} == {EASY, HARD, MILD, STRONG}
    table = pd.read_csv(site / "results.csv", dtype={"seed": str})
    mine = table[(table["method"] == "regismcan") & (table["metric"] == "fine_recall@1") & (table["seed"] == "1")]
    expected = mine.sort_values("severity")["value"].tolist()
    assert expected == sorted(expected, reverse=True)
    for name in (HARD, MILD, STRONG):
        assert severity((site / name).read_text())["regismcan"] == expected
    assert "results at one severity only" in (site / EASY).read_text()


def test_each_page_links_to_the_other_conditions(site: Path) -> None:
    for here in (HARD, MILD, STRONG):
        form = re.search(r"<label>condition (<select data-way>.*?</select>)", (site / here).read_text(), re.DOTALL)
        assert form
        ways = dict(re.findall(r'<option value="([^"]+)"[^>]*>([^<]+)</option>', form[1]))
        assert ways == {
            "atom-toy-hard-none-x1.html": "clean",
            "atom-toy-hard-none-x1-histology-1.html": "histology-1",
            "atom-toy-hard-none-x1-histology-3.html": "histology-3",
        }
        assert re.findall(r'value="([^"]+)" selected', form[1]) == [Path(here).name]
    assert 'data-condition="histology-3"' in (site / "index.html").read_text()


def test_tables_split_a_condition_into_degradation_and_severity(site: Path) -> None:
    table = pd.read_csv(site / "results.csv")
    parts = table[["condition", "degradation", "severity"]].drop_duplicates().to_numpy().tolist()
    assert sorted(parts) == [["clean", "clean", 0], ["histology-1", "histology", 1], ["histology-3", "histology", 3]]
    assert set(pd.read_csv(site / "comparisons.csv")["board"]) == {f"atom/toy/hard-none-x1/{name}" for name in RATES}


def test_conditions_are_ranked_separately(site: Path) -> None:
    for name in (HARD, MILD, STRONG):
        assert (site / name).read_text().count("<b>1</b>") == 1


def test_the_clean_page_has_a_figure_for_every_degradation(tmp_path: Path) -> None:
    runs = [under(name, 0.5) for name in (CLEAN, "blur-1", "noise-1", "noise-2")]
    out = site_of(tmp_path, *runs)
    page = (out / HARD).read_text()
    assert "the severity of blur, with" in page
    assert "the severity of noise, with" in page
    noise = (out / "boards/atom-toy-hard-none-x1-noise-2.html").read_text()
    assert "the severity of noise, with" in noise
    assert "the severity of blur, with" not in noise


def test_conditions_without_a_level_are_not_drawn_in_severity_figures(tmp_path: Path) -> None:
    out = site_of(tmp_path, *(under(name, 0.5) for name in (CLEAN, "t2", "noise-1")))
    page = (out / HARD).read_text()
    assert "the severity of noise, with" in page
    assert re.findall(r"Score against severity[^<]*</h3>", page) == ["Score against severity of noise</h3>"]
    other = (out / "boards/atom-toy-hard-none-x1-t2.html").read_text()
    assert "results at one severity only" in other


def test_every_page_shows_the_change_from_clean_sections(site: Path) -> None:
    table = pd.read_csv(site / "conditions.csv").set_index(["board", "method"])
    mild = table.loc[("atom/toy/hard-none-x1/histology-1", "regismcan")]
    values = pd.read_csv(site / "results.csv", dtype={"seed": str}).query("metric == 'fine_recall@1' and seed == '1'")
    scores = values.set_index(["condition", "method"])["value"]
    assert mild["clean"] == pytest.approx(scores["clean", "regismcan"], abs=1e-6)
    assert mild["value"] == pytest.approx(scores["histology-1", "regismcan"], abs=1e-6)
    assert mild["difference"] == pytest.approx(mild["value"] - mild["clean"])
    assert mild["ci_low"] <= mild["difference"] <= mild["ci_high"] < 0
    assert not [board for board, _ in table.index if board.endswith("/clean")]
    shown = f"<td>{100 * mild['difference']:.1f}</td><td>{100 * mild['ci_low']:.1f} to {100 * mild['ci_high']:.1f}</td>"
    assert shown in (site / MILD).read_text()
    clean = (site / HARD).read_text()
    assert '<a href="atom-toy-hard-none-x1-histology-3.html">histology-3</a>' in clean
    assert f">{100 * mild['difference']:.1f}</td>" in clean
    assert "Change from clean" not in (site / EASY).read_text()


def test_changes_are_paired_by_cluster_and_seed() -> None:
    """Each seed loses the same in every cluster, so that the difference has no spread although seeds and clusters differ."""
    random = np.random.default_rng(0)
    clean = [Clustered.of(random.random(60) * scale + 1, np.repeat(np.arange(6), 10), 6) for scale in (1, 50)]
    lower = [Clustered(run.sums - 0.5 * run.counts[:, None], run.counts) for run in clean]
    (found,) = changes_of({"a": clean, "b": clean}, {"a": lower, "c": lower}).values()
    assert (found.difference, found.low, found.high) == pytest.approx((-0.5, -0.5, -0.5))
    assert (found.clusters, found.seeds) == (6, 2)
    assert changes_of({"a": clean}, {"a": lower[:1]}) == {}, "a seed is missing"


def test_a_single_cluster_has_a_difference_but_no_interval() -> None:
    one = [Clustered.of(np.arange(8.0), np.zeros(8, np.int64), 1)]
    (found,) = changes_of({"a": one}, {"a": [Clustered(one[0].sums - 8, one[0].counts)]}).values()
    assert found.difference == pytest.approx(-1)
    assert np.isnan([found.low, found.high]).all()


def test_the_headline_board_is_listed_first_and_clean_before_damaged(tmp_path: Path) -> None:
    runs = [example("random", gathering=name) for name in ("easy", "hard", "tissue", "uniform")]
    out = site_of(tmp_path, *runs, example("random", gathering="tissue", condition="blur-1"))
    listed = re.findall(r'<th scope="row"><a href="boards/atom-toy-([a-z0-9-]+)\.html"', (out / "index.html").read_text())
    names = ["tissue-none-x1", "tissue-none-x1-blur-1", "uniform-none-x1", "hard-none-x1", "easy-none-x1"]
    assert listed == names
