"""Results of a board broken down by stratum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from atombench.evaluation.record import Record, Stratum
from atombench.evaluation.statistics import Estimate, estimate

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
    runs: dict[tuple[str, str], dict[str, list[Stratum]]] = {}
    for record in records:
        for stratum in record.strata:
            runs.setdefault((stratum.kind, stratum.name), {}).setdefault(record.unit.method, []).append(stratum)
    return {key: {method: _cell(found) for method, found in runs[key].items()} for key in runs}


def _cell(strata: list[Stratum]) -> Cell:
    first = strata[0]
    counts = np.array(first.counts)
    found = Estimate(first.value, first.ci_low, first.ci_high)  # one run's own numbers need no new bootstrap
    if len(strata) > 1:
        found = estimate([stratum.clustered() for stratum in strata])
    return Cell(found, first.chance, int((counts > 0).sum()), int(counts.sum()), len(strata))


def stratum_table(board: str, strata: Mapping[tuple[str, str], Mapping[str, Cell]]) -> pd.DataFrame:
    """Every cell of one board as a long table."""
    rows = []
    for (kind, name), cells in strata.items():
        for method, cell in cells.items():
            numbers = [cell.found.value, cell.found.low, cell.found.high, cell.chance]
            rows.append([board, method, kind, name, *numbers, cell.volumes, cell.sections, cell.seeds])
    return pd.DataFrame(rows, columns=COLUMNS)
