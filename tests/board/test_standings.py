from pathlib import Path

import pandas as pd

from atombench.board.standings import comparison_table, rank
from atombench.tasks.atom.specs import SPECS
from atombench.tasks.atom.task import ATOM
from tests.board.made import site_of
from tests.board.swapped import record

SPEC = SPECS[0]


def test_complete_methods_are_ranked_with_tie_groups() -> None:
    records = [
        record("regismcan", 0.6, role="network"),
        record("exhaustive", 0.95, role="search"),
        record("constant", 0.05),
        record("random", 0.05, seed=3),
        record("section-only", 0.3, status="failed", reason="out of memory"),
    ]
    pairs, standings = rank(records, SPEC)
    assert list(standings)[:2] == ["exhaustive", "regismcan"]
    assert len(pairs) == 6
    assert standings["constant"].group == standings["random"].group == 3
    assert "section-only" not in standings


def test_the_comparison_table_contains_all_pairs() -> None:
    pairs, _ = rank([record("constant", 0.2), record("random", 0.2, seed=4)], SPEC)
    table = comparison_table("atom/toy/hard-none-x1/clean", pairs)
    assert list(table["board"]) == ["atom/toy/hard-none-x1/clean"]
    assert {*table["first"], *table["second"]} == {"constant", "random"}
    assert not table["distinct"].any()


def test_the_page_shows_ranks_marks_and_missing_controls(tmp_path: Path) -> None:
    records = [record("regismcan-released", 0.3, (0.3, 0.05), role="network"), record("constant", 0.1)]
    out = site_of(tmp_path, *records, datasets={})
    page = (out / "boards/atom-toy-hard-none-x1.html").read_text()
    assert "volume-blind</span>" in page
    missing = ", ".join(name for name in ATOM.registry.controls if name != "constant")
    assert f"Controls missing on this board: {missing}." in page
    assert "<b>1</b> <small>1–1, group 1</small>" in page
    assert len(pd.read_csv(out / "comparisons.csv")) == 1
