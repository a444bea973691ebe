"""Results of a board broken down by stratum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

import pandas as pd

from atombench.records.record import Record, Stratum, in_order
from atombench.statistics.bootstrap import Estimate, estimates

COLUMNS = ["board", "method", "kind", "stratum", "value", "ci_low", "ci_high", "chance", "n_volumes", "n_sections", "n_seeds"]


@dataclass(frozen=True)
class Cell:
    """The primary number of one method in one stratum, mean over its seeds."""

    found: Estimate
    chance: float
    volumes: int
    sections: int
    seeds: int


def by_stratum(records: Sequence[Record]) -> dict[tuple[str, str], dict[str, Cell]]:
    """Cells of one board by kind and name of the stratum, in the order of the records, then by method."""
    cells: dict[tuple[str, str], dict[str, Cell]] = {}
    for method, runs in groupby(sorted(records, key=in_order), key=lambda record: record.unit.method):
        for key, cell in _cells(list(runs)).items():
            cells.setdefault(key, {})[method] = cell
    return cells


def _cells(runs: list[Record]) -> dict[tuple[str, str], Cell]:
    """Cells of one method; one run's own numbers need no new bootstrap."""
    same: dict[tuple[str, str], list[Stratum]] = {}
    for stratum in (one for run in runs for one in run.strata):
        same.setdefault((stratum.kind, stratum.name), []).append(stratum)
    found = [Estimate(several[0].value, several[0].ci_low, several[0].ci_high) for several in same.values()]
    if len(runs) > 1:
        found = estimates([[stratum.clustered() for stratum in several] for several in same.values()])
    return {key: _cell(several, mean) for (key, several), mean in zip(same.items(), found, strict=True)}


def _cell(strata: list[Stratum], mean: Estimate) -> Cell:
    return Cell(mean, strata[0].chance, *_volumes_and_sections(tuple(strata[0].counts)), len(strata))


@lru_cache(maxsize=1024)
def _volumes_and_sections(counts: tuple[int, ...]) -> tuple[int, int]:
    """How many volumes have sections, and how many sections there are; the same for all methods of a board."""
    return sum(count > 0 for count in counts), sum(counts)


def stratum_table(board: str, strata: Mapping[tuple[str, str], Mapping[str, Cell]]) -> pd.DataFrame:
    """Every cell of one board as a long table."""
    rows = []
    for (kind, name), cells in strata.items():
        for method, cell in cells.items():
            numbers = [cell.found.value, cell.found.low, cell.found.high, cell.chance]
            rows.append([board, method, kind, name, *numbers, cell.volumes, cell.sections, cell.seeds])
    return pd.DataFrame(rows, columns=COLUMNS)
