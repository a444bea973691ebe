from pathlib import Path

import pytest

from atombench.board.site import build_site
from atombench.board.transfer import transfers
from atombench.records.record import Record, Unit
from tests.board.made import stored
from tests.records.made import example


def run(method: str, tested: str, rate: float, seed: int = 1, **changes: object) -> Record:
    unit = Unit(dataset=tested, gathering="uniform", split="none", scale=1, method=method, seed=seed)
    return example(method, seed, rate, unit=unit, **changes)


RUNS = [
    run("constant", "ixi-t1", 0.1), run("constant", "hippocampus", 0.2),
    run("regismcan", "ixi-t1", 0.6), run("regismcan", "ixi-t1", 0.8, seed=2), run("regismcan", "hippocampus", 0.5),
    run("regismcan@ixi-t1", "hippocampus", 0.3), run("mcan", "ixi-t1", 0.4),
]  # fmt: skip


def test_rows_are_methods_by_what_they_were_trained_on_and_columns_what_they_were_tested_on() -> None:
    (table,) = transfers(RUNS)
    assert table.title == "uniform, split none, scale 1, clean"
    assert table.tested == ["hippocampus", "ixi-t1"]
    assert [(method, source, sorted(cells)) for method, source, cells in table.rows] == [
        ("regismcan", "hippocampus", ["hippocampus"]),
        ("regismcan", "ixi-t1", ["hippocampus", "ixi-t1"]),
    ]
    assert table.rows[1][2]["ixi-t1"].value == pytest.approx(0.7, abs=0.05)  # both seeds
    assert sorted(table.constant) == ["hippocampus", "ixi-t1"]


def test_without_transfer_and_with_failed_runs_there_is_no_table() -> None:
    assert transfers([run for run in RUNS if "@" not in run.unit.method]) == []
    assert transfers([run("regismcan@ixi-t1", "hippocampus", 0.3, status="failed", metrics=[])]) == []
    assert transfers([run("<b>@x", "hippocampus", 0.3)]) == []


def test_the_table_stands_on_the_page(tmp_path: Path) -> None:
    build_site(stored(tmp_path, *RUNS), {}, tmp_path / "out")
    page = (tmp_path / "out/index.html").read_text()
    assert "Trained on one organ, tested on another" in page
    assert page.count('<td class="same">') == 2
