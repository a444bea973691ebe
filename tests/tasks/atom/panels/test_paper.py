from pathlib import Path
from typing import Any

import pytest

from atombench.errors import ConfigError
from atombench.records.record import Record
from atombench.tasks.atom.panels.paper import NOT_YET, findings, paper_lines, paper_volumes, read_paper
from atombench.volumes.registry import read_registry
from tests.board.made import site_of
from tests.board.swapped import record
from tests.conftest import ROOT
from tests.records.made import example, stratum

TABLES = ROOT / "leaderboard/published/paper-tables.csv"
ROWS = read_paper(TABLES)
REGISTRY = read_registry(ROOT / "config/datasets.yaml")


def vessel(method: str, rate: float = 0.3, **changes: Any) -> Record:
    """A run on VesselMNIST3D, hard, with the metrics that the page shows."""
    made = record(method, rate, (rate, 0.05) if method == "regismcan-released" else None, **changes)
    run = made.run.model_copy(update={"dataset": "vesselmnist3d"})
    hits = example().metrics[1]
    published = [hits, hits.model_copy(update={"metric": "oracle_low@5"})]
    return made.model_copy(update={"run": run, "metrics": [*made.metrics, *published]})


def test_the_published_tables_are_whole() -> None:
    assert [sum(row.table == number for row in ROWS) for number in (2, 3, 4)] == [10, 8, 24]
    vessel_hard = [row for row in ROWS if (row.dataset, row.gathering, row.split) == ("vesselmnist3d", "hard", "none")]
    assert {(row.high_test, row.low_test) for row in vessel_hard} == {(39.06, 22.61)}
    assert {row.dataset for row in ROWS} <= set(REGISTRY)


def test_our_sizes_are_those_of_tables_3_and_4_and_differ_from_table_2_where_it_differs() -> None:
    for line in paper_lines(ROWS, [], REGISTRY):
        assert line.sizes is not None
        assert (line.sizes == line.row.sizes) == (line.row.table != 2 or line.row.name == "ADNI")
    assert all(published == ours for _, published, ours in paper_volumes(REGISTRY))


def test_a_row_without_a_run_says_how_to_fill_it_and_is_never_zero(tmp_path: Path) -> None:
    out = site_of(tmp_path, vessel("constant"), datasets=REGISTRY, published={"atom": TABLES})
    page = (out / "paper.html").read_text()
    target = "results/atom/organmnist3d/hard-pos-x1/regismcan/seed1/clean/record.json"
    assert f"data not available, or not run: <code>snakemake --cores 2 --configfile config/paper.yaml -- {target}" in page
    assert page.count("data not available") == 42 - 2  # Vessel, hard, none is in Tables 2 and 4
    assert page.count("not run</td>") == 3 * 2
    assert 'href="paper.html"' in (out / "index.html").read_text()


def test_findings_come_from_runs_or_say_that_there_is_none() -> None:
    assert {evidence for _, evidence in findings(paper_lines(ROWS, [], REGISTRY), [])} == {NOT_YET}
    empty = [stratum("background", "all", [9] * 20, [10] * 20)]
    records = [
        vessel("constant"), vessel("regismcan-released", role="network"),
        vessel("exhaustive", 0.97, role="search").model_copy(update={"strata": empty}),
    ]  # fmt: skip
    found = dict(findings(paper_lines(ROWS, records, REGISTRY), records))
    assert "In 1 of 1 runs" in found["The released RegisMCAN never sees the volume."]
    assert "18.52 and 3.43 %" in found["The published chance level is wrong."]
    assert (
        "On the one board here guessing at random gives 1.0 % (high) and 1.0 % (low)"
        in found["The published chance level is wrong."]
    )
    assert (
        "Of the 200 among them that show no tissue at all it finds 90.0 %"
        in found["Without degradation the task is a look-up."]
    )
    assert "On the one hard board here 0.0 % of the test sections" in found["Many hard sections have no correct answer at all."]


def test_failed_and_degraded_runs_fill_no_cell() -> None:
    failed = vessel("constant").model_copy(update={"status": "failed"})
    degraded = vessel("constant")
    degraded = degraded.model_copy(update={"run": degraded.run.model_copy(update={"condition": "histology-1"})})
    assert not any(line.ours for line in paper_lines(ROWS, [failed, degraded], REGISTRY))


def test_a_damaged_table_is_refused_and_a_missing_one_leaves_its_tables_out(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("table,name\nfour,x\n")
    with pytest.raises(ConfigError, match=r"p\.csv: 0\.table"):
        read_paper(tmp_path / "p.csv")
    assert read_paper(tmp_path / "none.csv") == []
    page = (site_of(tmp_path, example(), datasets={}) / "paper.html").read_text()
    assert "The published tables are not available" in page
    assert "Table 4" not in page
