"""Results of a board broken down: by stratum, by confidence, and by size of the error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from atombench.board.figures import CLEAR, GRID
from atombench.evaluation.record import Record, Stratum
from atombench.evaluation.statistics import Estimate, estimate

COLUMNS = ["board", "method", "kind", "stratum", "value", "ci_low", "ci_high", "chance", "n_volumes", "n_sections", "n_seeds"]
FONT = {"color": "#7a7f87", "family": "system-ui, sans-serif"}


@dataclass(frozen=True)
class Cell:
    """The primary number of one method in one stratum, mean over its seeds."""

    found: Estimate
    chance: float
    volumes: int
    sections: int
    seeds: int


def by_stratum(records: Sequence[Record]) -> dict[tuple[str, str], dict[str, Cell]]:
    """Cells of one board by kind and name of the stratum, then by method."""
    runs: dict[tuple[str, str], dict[str, list[Stratum]]] = {}
    for record in records:
        for stratum in record.strata:
            runs.setdefault((stratum.kind, stratum.name), {}).setdefault(record.unit.method, []).append(stratum)
    return {key: {method: _cell(found) for method, found in runs[key].items()} for key in sorted(runs)}


def _cell(strata: list[Stratum]) -> Cell:
    counts = np.array(strata[0].counts)
    found = estimate([stratum.clustered() for stratum in strata])
    return Cell(found, strata[0].chance, int((counts > 0).sum()), int(counts.sum()), len(strata))


def stratum_table(boards: dict[str, list[Record]]) -> pd.DataFrame:
    """Every cell of every board as one long table; `boards` holds the records of each by its name."""
    rows = []
    for board, records in boards.items():
        for (kind, name), cells in by_stratum(records).items():
            for method, cell in cells.items():
                numbers = [cell.found.value, cell.found.low, cell.found.high, cell.chance]
                rows.append([board, method, kind, name, *numbers, cell.volumes, cell.sections, cell.seeds])
    return pd.DataFrame(rows, columns=COLUMNS)


def distribution_figure(records: Sequence[Record]) -> str | None:
    """Reliability of each method that gives probabilities, and error distribution of each that gives poses; plotly JSON.

    The first seed of each method is drawn. None where no method gives either.
    """
    from plotly.subplots import make_subplots

    first = {record.unit.method: record for record in sorted(records, key=lambda one: -one.unit.seed)}
    reliable = {name: record.reliability for name, record in sorted(first.items()) if record.reliability}
    posed = {name: record.errors for name, record in sorted(first.items()) if record.errors}
    if not reliable and not posed:
        return None
    figure = make_subplots(rows=1, cols=2, subplot_titles=["reliability of the best box", "distance of the centre"])
    honest = {"mode": "lines", "line": {"dash": "dot", "color": "#8a8f98"}, "name": "honest"}
    figure.add_scatter(x=[0, 1], y=[0, 1], row=1, col=1, **honest)
    for name, bins in reliable.items():
        sizes = (6 + 3 * np.log10([one.count for one in bins])).round(1).tolist()
        figure.add_scatter(
            x=[one.confidence for one in bins], y=[one.right for one in bins], customdata=[one.count for one in bins],
            mode="lines+markers", marker={"size": sizes}, name=name, row=1, col=1,
            hovertemplate=name + ": confidence %{x:.3f}, right %{y:.1%} of %{customdata}<extra></extra>",
        )  # fmt: skip
    for name, errors in posed.items():
        unit = "mm" if "centre_mm" in errors else "voxel"
        figure.add_scatter(
            x=errors[f"centre_{unit}"], y=(np.arange(0, 101, 5) / 100).tolist(), mode="lines", name=f"{name} ({unit})",
            row=1, col=2, hovertemplate=name + ": %{y:.0%} within %{x:.2f} " + unit + "<extra></extra>",
        )  # fmt: skip
    figure.update_xaxes(gridcolor=GRID, zeroline=False)
    figure.update_yaxes(gridcolor=GRID, zeroline=False, tickformat=".0%")
    for column, (across, up) in enumerate((("confidence", "right"), ("at most", "share of sections")), 1):
        figure.update_xaxes(title=across, row=1, col=column)
        figure.update_yaxes(title=up, row=1, col=column)
    figure.update_layout(
        height=360, margin={"l": 60, "r": 20, "t": 40, "b": 90}, paper_bgcolor=CLEAR, plot_bgcolor=CLEAR, font=FONT,
        template=None, legend={"orientation": "h", "x": 0, "y": 0, "yref": "container", "yanchor": "bottom"},
    )  # fmt: skip
    return str(figure.to_json())
