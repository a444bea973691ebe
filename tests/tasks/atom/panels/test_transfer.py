from pathlib import Path
from typing import Any

import pytest

from atombench.records.board import Board
from atombench.records.record import Record
from atombench.records.run import Run
from atombench.tasks.atom.panels.transfer import transfers
from tests.board.made import site_of
from tests.records.made import example


def run(method: str, tested: str, rate: float, seed: int = 1, **changes: Any) -> Record:
    about = Run.of(Board("atom", tested, "uniform-none-x1"), method, seed)
    return example(method, seed, rate, run=about, **changes)


RUNS = [
    run("constant", "ixi-t1", 0.1), run("constant", "hippocampus", 0.2),
    run("regismcan", "ixi-t1", 0.6), run("regismcan", "ixi-t1", 0.8, seed=2), run("regismcan", "hippocampus", 0.5),
    run("regismcan@ixi-t1", "hippocampus", 0.3), run("mcan", "ixi-t1", 0.4),
]  # fmt: skip


def test_rows_are_methods_by_what_they_were_trained_on_and_columns_what_they_were_tested_on() -> None:
    (table,) = transfers(RUNS)
    assert table.title == "uniform"
    assert table.tested == ["hippocampus", "ixi-t1"]
    assert [(method, source, sorted(cells)) for method, source, cells in table.rows] == [
        ("regismcan", "hippocampus", ["hippocampus"]),
        ("regismcan", "ixi-t1", ["hippocampus", "ixi-t1"]),
    ]
    assert table.rows[1][2]["ixi-t1"].value == pytest.approx(0.7, abs=0.05)  # both seeds
    assert sorted(table.constant) == ["hippocampus", "ixi-t1"]


def test_without_transfer_and_with_failed_runs_there_is_no_table() -> None:
    assert transfers([run for run in RUNS if "@" not in run.run.method]) == []
    assert transfers([run("regismcan@ixi-t1", "hippocampus", 0.3, status="failed", metrics=[])]) == []
    assert transfers([run("<b>@x", "hippocampus", 0.3)]) == []


def test_the_table_is_on_the_start_page(tmp_path: Path) -> None:
    page = (site_of(tmp_path, *RUNS, datasets={}) / "index.html").read_text()
    assert "Trained on one organ, tested on another" in page
    assert page.count('<td class="same">') == 2
