"""Figures of a dataset's card: the histogram of its voxels, and where the sections of its boards are cut."""

from __future__ import annotations

from typing import Any

import numpy as np

from atombench.audit.record import BoardFindings, PartFindings, VolumeFindings
from atombench.audit.volumes import HISTOGRAM
from atombench.board.figures import CLEAR, GRID

FONT = {"color": "#7a7f87", "family": "system-ui, sans-serif"}
PART_COLOURS = {"train": "#8a8f98", "val": "#b8860b", "test": "#1f77b4"}
PLACE_COLOURS = [[0, "#a9cfe8"], [1, "#1a6aa5"]]  # seen on light and dark paper
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


def histogram_figure(found: VolumeFindings) -> str:
    """Percent of voxels by intensity, on a logarithmic axis; plotly JSON."""
    import plotly.graph_objects as go

    low, high, bins = HISTOGRAM
    width = (high - low) / bins
    figure = go.Figure(
        go.Bar(
            x=(low + width * (np.arange(bins) + 0.5)).round(4).tolist(), y=[100 * share for share in found.histogram],
            width=width,
            marker={"color": PART_COLOURS["test"]}, hovertemplate="%{x:.2f}: %{y:.3g} %<extra></extra>",
        )
    )  # fmt: skip
    figure.update_layout(
        height=220, margin={"l": 60, "r": 20, "t": 20, "b": 45}, paper_bgcolor=CLEAR, plot_bgcolor=CLEAR, font=FONT,
        xaxis={"title": "intensity of the curated volumes", "gridcolor": GRID, "zeroline": False},
        yaxis={"title": "% of voxels", "type": "log", "tickformat": "~g", "gridcolor": GRID}, template=None,
    )  # fmt: skip
    return str(figure.to_json())


def audit_figure(boards: list[BoardFindings]) -> str:
    """A row per board: training and test centres over (i, j), depths of each part, shares of test sections; plotly JSON."""
    from plotly.subplots import make_subplots

    titles = [
        title
        for board in boards
        for title in (f"{board.gathering}, {board.split}: training centres", "test centres", "depths", "test sections")
    ]
    figure = make_subplots(
        rows=len(boards), cols=4, subplot_titles=titles, column_widths=[0.22, 0.22, 0.3, 0.26], horizontal_spacing=0.05
    )
    for row, board in enumerate(boards, 1):
        for column, part in enumerate(("train", "test"), 1):
            figure.add_trace(_places(board.parts[part]), row=row, col=column)
            figure.update_xaxes(title="i", title_standoff=4, row=row, col=column)
            figure.update_yaxes(title="j", title_standoff=2, row=row, col=column)
        for part in PART_COLOURS:
            figure.add_trace(_depths(board.parts[part], part, first=row == 1), row=row, col=3)
        figure.update_xaxes(title="k", title_standoff=4, row=row, col=3)
        figure.add_trace(_shares(board.parts["test"]), row=row, col=4)
        figure.update_xaxes(range=[0, 1], tickformat=".0%", row=row, col=4)
        figure.update_yaxes(autorange="reversed", automargin=True, side="right", row=row, col=4)
        figure.update_yaxes(tickformat=".0%", row=row, col=3)
    figure.update_xaxes(gridcolor=GRID, zeroline=False)
    figure.update_yaxes(gridcolor=GRID, zeroline=False)
    figure.update_annotations(font_size=13)
    figure.update_layout(
        height=80 + ROW_HEIGHT * len(boards), margin={"l": 45, "r": 20, "t": 40, "b": 60}, paper_bgcolor=CLEAR,
        plot_bgcolor=CLEAR, font=FONT, barmode="group", template=None,
        legend={"orientation": "h", "x": 0.55, "y": 0, "yref": "container", "yanchor": "bottom"},
    )  # fmt: skip
    return str(figure.to_json())


def _places(about: PartFindings) -> Any:
    import plotly.graph_objects as go

    edge = len(about.depth_counts)
    counts = np.array(about.place_counts, dtype=float).reshape(edge, edge).T  # rows follow j
    return go.Heatmap(
        z=np.where(counts > 0, counts, np.nan).tolist(), colorscale=PLACE_COLOURS, zmin=0, zmax=float(counts.max()),
        showscale=False, hovertemplate="i %{x}, j %{y}: %{z} sections<extra></extra>",
    )  # fmt: skip


def _depths(about: PartFindings, part: str, first: bool) -> Any:
    import plotly.graph_objects as go

    shares = (np.array(about.depth_counts) / max(about.sections, 1)).tolist()
    return go.Bar(
        y=shares, name=part, legendgroup=part, showlegend=first, marker={"color": PART_COLOURS[part]},
        hovertemplate="k %{x}: %{y:.1%}",
    )  # fmt: skip


def _shares(about: PartFindings) -> Any:
    import plotly.graph_objects as go

    return go.Bar(
        x=[getattr(about, name) for name in SHARES], y=list(SHARES.values()), orientation="h", showlegend=False,
        marker={"color": PART_COLOURS["test"]}, hovertemplate="%{y}: %{x:.1%}<extra></extra>",
    )  # fmt: skip
