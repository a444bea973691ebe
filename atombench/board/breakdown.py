"""Results of a board broken down by stratum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

import pandas as pd

from atombench.records.record import Record, Stratum
from atombench.statistics.bootstrap import Estimate, estimates

COLUMNS = ["board", "method", "kind", "stratum", "value", "ci_low", "ci_high", "chance", "n_volumes", "n_sections", "n_seeds"]


@dataclass(frozen=True)
class Cell:
    """Primary metric of one method in one stratum, mean over seeds."""

    number: Estimate
    chance: float | None
    clusters: int
    queries: int
    seeds: int


def by_stratum(records: Sequence[Record]) -> dict[tuple[str, str], dict[str, Cell]]:
    """Return results of one board by kind and name of the stratum, in record order, then by method."""
    cells: dict[tuple[str, str], dict[str, Cell]] = {}
    for method, runs in groupby(sorted(records, key=lambda record: record.run.order), key=lambda record: record.run.method):
        for key, cell in _cells(list(runs)).items():
            cells.setdefault(key, {})[method] = cell
    return cells


def _cells(runs: list[Record]) -> dict[tuple[str, str], Cell]:
    """Return results of one method by stratum; those of a single run are taken over without a new bootstrap."""
    by_key: dict[tuple[str, str], list[Stratum]] = {}
    for stratum in (stratum for run in runs for stratum in run.strata):
        by_key.setdefault((stratum.kind, stratum.name), []).append(stratum)
    means = [Estimate(strata[0].value, strata[0].ci_low, strata[0].ci_high) for strata in by_key.values()]
    if len(runs) > 1:
        means = estimates([[stratum.sample() for stratum in strata] for strata in by_key.values()])
    return {key: _cell(strata, mean) for (key, strata), mean in zip(by_key.items(), means, strict=True)}


def _cell(strata: list[Stratum], mean: Estimate) -> Cell:
    return Cell(mean, strata[0].chance, *_sizes(tuple(strata[0].counts)), len(strata))


@lru_cache(maxsize=1024)
def _sizes(counts: tuple[int, ...]) -> tuple[int, int]:
    """Return the number of clusters with queries and of queries (cached, since all methods of a board share them)."""
    return sum(count > 0 for count in counts), sum(counts)


def stratum_table(board: str, strata: Mapping[tuple[str, str], Mapping[str, Cell]]) -> pd.DataFrame:
    """Return all results by stratum of one board as a long table."""
    rows = []
    for (kind, name), cells in strata.items():
        for method, cell in cells.items():
            numbers = [cell.number.value, cell.number.low, cell.number.high, cell.chance]
            rows.append([board, method, kind, name, *numbers, cell.clusters, cell.queries, cell.seeds])
    return pd.DataFrame(rows, columns=COLUMNS)
