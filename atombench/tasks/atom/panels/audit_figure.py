"""Figure of section positions in the boards of a dataset, for its card."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from atombench.audit.record import BoardFindings
from atombench.pages.figure import CLEAR, FONT, GRID
from atombench.tasks.atom.audit import PartFindings, parts_of
from atombench.tasks.atom.board import AtomBoard

if TYPE_CHECKING:
    import plotly.graph_objects as go

PART_COLOURS = {"train": "#8a8f98", "val": "#b8860b", "test": "#1f77b4"}
POSITION_COLOURS = [[0, "#a9cfe8"], [1, "#1a6aa5"]]  # visible on light and dark backgrounds
SHARES = {
    "unlabelled": "unlabelled",
    "empty": "empty",
    "outside": "sticking out",
    "positions_in_training": "position in training",
    "depths_in_training": "depth in training",
    "volumes_in_training": "volume in training",
    "first_octant": "no negative component",
}
ROW_HEIGHT = 270


def audit_figure(boards: Sequence[BoardFindings]) -> str:
    """Return plotly JSON: per board, training and test centres over (i, j), depths of each part, shares of test sections."""
    from plotly.subplots import make_subplots

    titles = [
        title
        for board in boards
        for title in (f"{AtomBoard.of(board.board).title}: training centres", "test centres", "depths", "test sections")
    ]
    figure = make_subplots(
        rows=len(boards), cols=4, subplot_titles=titles, column_widths=[0.22, 0.22, 0.3, 0.26], horizontal_spacing=0.05
    )
    for row, board in enumerate(boards, 1):
        parts = parts_of(board)
        for column, part in enumerate(("train", "test"), 1):
            if part not in parts:
                continue
            figure.add_trace(_positions(parts[part]), row=row, col=column)
            figure.update_xaxes(title="i", title_standoff=4, row=row, col=column)
            figure.update_yaxes(title="j", title_standoff=2, row=row, col=column)
        for part in (name for name in PART_COLOURS if name in parts):
            figure.add_trace(_depths(parts[part], part, first=row == 1), row=row, col=3)
        figure.update_xaxes(title="k", title_standoff=4, row=row, col=3)
        figure.add_trace(_shares(parts["test"]), row=row, col=4)
        figure.update_xaxes(range=[0, 1], tickformat=".0%", row=row, col=4)
        figure.update_yaxes(autorange="reversed", automargin=True, side="right", row=row, col=4)
        figure.update_yaxes(tickformat=".0%", row=row, col=3)
    figure.update_xaxes(gridcolor=GRID, zeroline=False)
    figure.update_yaxes(gridcolor=GRID, zeroline=False)
    figure.update_annotations(font_size=13)
    figure.update_layout(
        height=80 + ROW_HEIGHT * len(boards),
        margin={"l": 45, "r": 20, "t": 40, "b": 60},
        paper_bgcolor=CLEAR,
        plot_bgcolor=CLEAR,
        font=FONT,
        barmode="group",
        template=None,
        legend={"orientation": "h", "x": 0.55, "y": 0, "yref": "container", "yanchor": "bottom"},
    )
    return str(figure.to_json())


def _positions(findings: PartFindings) -> go.Heatmap:
    import plotly.graph_objects as go

    edge = len(findings.depth_counts)
    counts = np.array(findings.place_counts, dtype=float).reshape(edge, edge).T  # rows follow j
    return go.Heatmap(
        z=np.where(counts > 0, counts, np.nan).tolist(),
        colorscale=POSITION_COLOURS,
        zmin=0,
        zmax=float(counts.max()),
        showscale=False,
        hovertemplate="i %{x}, j %{y}: %{z} sections<extra></extra>",
    )


def _depths(findings: PartFindings, part: str, first: bool) -> go.Bar:
    import plotly.graph_objects as go

    shares = (np.array(findings.depth_counts) / max(findings.sections, 1)).tolist()
    return go.Bar(
        y=shares,
        name=part,
        legendgroup=part,
        showlegend=first,
        marker={"color": PART_COLOURS[part]},
        hovertemplate="k %{x}: %{y:.1%}",
    )


def _shares(findings: PartFindings) -> go.Bar:
    import plotly.graph_objects as go

    return go.Bar(
        x=[getattr(findings, name) for name in SHARES],
        y=list(SHARES.values()),
        orientation="h",
        showlegend=False,
        marker={"color": PART_COLOURS["test"]},
        hovertemplate="%{y}: %{x:.1%}<extra></extra>",
    )
