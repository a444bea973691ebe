import json

import numpy as np
import pytest

from atombench.board.breakdown import by_stratum, distribution_figure, stratum_table
from atombench.evaluation.record import Record, ReliabilityBin, Stratum
from tests.evaluation.records import example


def record(seed: int, hits: int, **changes: object) -> Record:
    strata = [
        Stratum(kind="depth", name="k 0 to 4", chance=0.01, sums=[hits] * 20, counts=[10] * 20),
        Stratum(kind="block", name="block 13", chance=0.02, sums=[0] * 19 + [1], counts=[0] * 19 + [2]),
    ]
    return example("regismcan", seed, role="network", strata=strata, **changes)


def test_cells_are_means_over_seeds_with_their_numbers() -> None:
    cells = by_stratum([record(1, 2), record(2, 4)])
    assert list(cells) == [("block", "block 13"), ("depth", "k 0 to 4")]
    cell = cells["depth", "k 0 to 4"]["regismcan"]
    assert cell.found.value == pytest.approx(0.3)
    assert (cell.volumes, cell.sections, cell.seeds, cell.chance) == (20, 200, 2, 0.01)
    rare = cells["block", "block 13"]["regismcan"]
    assert (rare.volumes, rare.sections) == (1, 2)
    assert rare.found.value == 0.5


def test_the_long_table_holds_every_cell() -> None:
    table = stratum_table({"a": [record(1, 2)], "b": [record(1, 3)]})
    assert len(table) == 4
    assert set(table["board"]) == {"a", "b"}
    assert np.isfinite(table[["value", "ci_low", "ci_high"]]).all().all()


def test_the_figure_draws_what_methods_give_and_nothing_where_they_give_nothing() -> None:
    assert distribution_figure([record(1, 2)]) is None
    bins = [ReliabilityBin(count=100, confidence=0.2, right=0.1), ReliabilityBin(count=5, confidence=0.8, right=0.9)]
    posed = example("exhaustive", errors={"centre_voxel": [float(n) for n in range(21)]})
    figure = json.loads(str(distribution_figure([record(1, 2, reliability=bins), record(2, 3), posed])))
    assert [trace["name"] for trace in figure["data"]] == ["honest", "regismcan", "exhaustive (voxel)"]
    assert figure["data"][1]["x"] == [0.2, 0.8]
