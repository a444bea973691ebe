from pathlib import Path

import numpy as np
import pandas as pd

from atombench.board.site import build_site
from atombench.board.standings import blind, comparison_table, rank
from atombench.records.record import Metric, Record
from atombench.statistics.bootstrap import Clustered, estimate
from atombench.tasks.atom.methods.table import CONTROLS
from tests.board.made import stored
from tests.records.made import example

CLUSTER = np.repeat(np.arange(20), 10)


def metric(protocol: str, values: np.ndarray) -> Metric:
    runs = Clustered.of(values, CLUSTER, 20)
    found = estimate([runs])
    return Metric(
        protocol=protocol, metric="fine_recall@1", value=found.value, ci_low=found.low, ci_high=found.high, chance=0.01,
        n_volumes=20, n_sections=200, sums=runs.sums.tolist(), counts=runs.counts.astype(int).tolist(),
    )  # fmt: skip


def record(method: str, rate: float, swapped: tuple[float, float] | None = None, seed: int = 1, **changes: object) -> Record:
    """A run with this recall; `swapped` gives the recall with volumes and with sections exchanged, None the same answers."""
    rng = np.random.default_rng(seed)
    own = rng.random(200) < rate
    metrics = [metric("strict", own)]
    for protocol, other in zip(("volume-swap", "section-swap"), swapped or (), strict=False):
        metrics.append(metric(protocol, own if other == rate else rng.random(200) < other))
    return example(method, seed, metrics=metrics, **changes)


def test_methods_are_ranked_with_tie_groups_and_failed_ones_are_not() -> None:
    records = [
        record("regismcan", 0.6, role="network"), record("exhaustive", 0.95, role="search"), record("constant", 0.05),
        record("random", 0.05, seed=3), record("section-only", 0.3, status="failed", reason="out of memory"),
    ]  # fmt: skip
    pairs, standings = rank(records)
    assert list(standings)[:2] == ["exhaustive", "regismcan"]
    assert len(pairs) == 6
    assert standings["constant"].group == standings["random"].group == 3
    assert "section-only" not in standings


def test_a_method_that_does_not_fall_when_volumes_are_exchanged_is_blind_to_them() -> None:
    records = [
        record("regismcan", 0.5, (0.1, 0.05)), record("regismcan-released", 0.3, (0.3, 0.05)),
        record("volume-only", 0.3, (0.1, 0.3)), record("section-only", 0.3, (0.6, 0.05)),
    ]  # fmt: skip
    marks = blind(records)
    assert marks == {
        "regismcan-released": ["volume-blind"], "volume-only": ["section-blind"], "section-only": ["volume-blind"],
    }  # fmt: skip


def test_seeds_that_differ_do_not_hide_that_each_of_them_falls() -> None:
    """Runs are compared with themselves: a spread between seeds larger than the fall does not matter."""
    records = []
    for seed, rate in enumerate((0.3, 0.6, 0.9), 1):
        own = np.random.default_rng(seed).random(200) < rate
        fallen = own & (np.arange(200) % 10 != 0)  # a tenth of the sections, in every volume
        records.append(example("regismcan", seed, metrics=[metric("strict", own), metric("volume-swap", fallen)]))
    assert blind(records) == {}


def test_comparisons_of_a_board_are_a_table() -> None:
    pairs, _ = rank([record("constant", 0.2), record("random", 0.2, seed=4)])
    table = comparison_table("atom/toy/hard/none/1/clean/0", pairs)
    assert list(table["board"]) == ["atom/toy/hard/none/1/clean/0"]
    assert {*table["first"], *table["second"]} == {"constant", "random"}
    assert not table["distinct"].any()


def test_the_page_shows_ranks_marks_and_missing_controls(tmp_path: Path) -> None:
    records = [record("regismcan-released", 0.3, (0.3, 0.05), role="network"), record("constant", 0.1)]
    build_site(stored(tmp_path, *records), {}, tmp_path / "out")
    page = (tmp_path / "out/boards/toy-hard-none-x1.html").read_text()
    assert "volume-blind</span>" in page
    missing = ", ".join(name for name in CONTROLS if name != "constant")
    assert f"Controls missing on this board: {missing}." in page
    assert "<b>1</b> <small>1–1, group 1</small>" in page
    assert len(pd.read_csv(tmp_path / "out/comparisons.csv")) == 1
