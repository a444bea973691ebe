from typing import Any

import numpy as np
import pytest

from atombench.board.breakdown import by_stratum, stratum_table
from atombench.records.record import Record
from tests.records.made import example, stratum


def record(seed: int, hits: int, **changes: Any) -> Record:
    strata = [
        stratum("depth", "k 0 to 4", [hits] * 20, [10] * 20),
        stratum("block", "block 13", [0] * 19 + [1], [0] * 19 + [2], chance=0.02),
    ]
    return example("regismcan", seed, role="network", strata=strata, **changes)


def test_cells_contain_means_over_seeds_and_counts() -> None:
    cells = by_stratum([record(1, 2), record(2, 4)])
    assert list(cells) == [("depth", "k 0 to 4"), ("block", "block 13")]
    cell = cells["depth", "k 0 to 4"]["regismcan"]
    assert cell.number.value == pytest.approx(0.3)
    assert (cell.clusters, cell.queries, cell.seeds, cell.chance) == (20, 200, 2, 0.01)
    rare = cells["block", "block 13"]["regismcan"]
    assert (rare.clusters, rare.queries) == (1, 2)
    assert rare.number.value == 0.5


def test_the_long_table_contains_every_cell() -> None:
    table = stratum_table("a", by_stratum([record(1, 2)]))
    assert list(table["stratum"]) == ["k 0 to 4", "block 13"]
    assert set(table["board"]) == {"a"}
    assert np.isfinite(table[["value", "ci_low", "ci_high"]]).all().all()
