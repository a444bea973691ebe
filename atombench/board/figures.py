"""Figures of the board, drawn by plotly in the reader's browser from numbers in the page."""

from __future__ import annotations

import numpy as np
import pandas as pd

ROLE_COLOURS = {"control": "#8a8f98", "search": "#b8860b", "network": "#1f77b4", "submission": "#2a9d5c"}
ROLE_SYMBOLS = {"control": "diamond", "search": "square", "network": "circle", "submission": "star"}
LOWEST_DRAWN = 1e-3  # the axis is logarithmic; smaller values are drawn at its left end
CLEAR = "rgba(0,0,0,0)"
GRID = "rgba(128,128,128,0.25)"  # seen on light and dark paper


def score_figure(rows: pd.DataFrame, roles: dict[str, str], chance: float | None, title: str) -> str:
    """Score of each method with its 95 % interval, and the chance level as a line; plotly JSON.

    Args:
        rows: columns method, value, ci_low, ci_high; one row per method, best first.
        roles: role of each method.
        chance: chance level, if the score has one.
        title: label of the score's axis.
    """
    import plotly.graph_objects as go

    figure = go.Figure()
    rows = rows.astype({name: float for name in ("value", "ci_low", "ci_high")})
    for role in ROLE_COLOURS:
        figure.add_scatter(**_whiskers(rows[rows["method"].map(roles).eq(role)], role))
    if chance is not None:
        figure.add_vline(x=chance, line={"dash": "dot", "color": "#c0392b"})
        figure.add_annotation(
            x=np.log10(chance), y=1, yref="paper", yanchor="bottom", text=f"chance {chance:.4f}", showarrow=False
        )
    figure.update_layout(
        height=150 + 34 * len(rows),
        margin={"l": 10, "r": 20, "t": 30, "b": 75},
        legend={"orientation": "h", "x": 0, "y": 0, "yref": "container", "yanchor": "bottom"},
        paper_bgcolor=CLEAR,
        plot_bgcolor=CLEAR,
        font={"color": "#7a7f87", "family": "system-ui, sans-serif"},
        xaxis=_score_axis(title),
        yaxis={
            "categoryorder": "array",
            "categoryarray": list(rows["method"])[::-1],
            "automargin": True,
            "gridcolor": GRID,
        },
        template=None,
    )
    return str(figure.to_json())


def _whiskers(some: pd.DataFrame, role: str) -> dict[str, object]:
    """Points with their intervals, for the methods of one role."""
    colour = ROLE_COLOURS[role]
    value, low, high = (np.maximum(some[name], LOWEST_DRAWN) for name in ("value", "ci_low", "ci_high"))
    return {
        "x": list(value),
        "y": list(some["method"]),
        "mode": "markers",
        "name": role,
        "marker": {"size": 10, "color": colour, "symbol": ROLE_SYMBOLS[role]},
        "error_x": {
            "type": "data",
            "symmetric": False,
            "color": colour,
            "thickness": 1.5,
            "array": list(high - value),
            "arrayminus": list(value - low),
        },
        "customdata": some[["value", "ci_low", "ci_high"]].to_numpy().tolist(),
        "hovertemplate": "%{y}: %{customdata[0]:.4f} (%{customdata[1]:.4f} to %{customdata[2]:.4f})<extra></extra>",
    }


def _score_axis(title: str) -> dict[str, object]:
    ticks = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1]
    return {
        "title": title,
        "type": "log",
        "range": [np.log10(0.9 * LOWEST_DRAWN), np.log10(1.1)],
        "tickvals": ticks,
        "ticktext": [f"{100 * tick:g} %" for tick in ticks],
        "gridcolor": GRID,
        "zeroline": False,
    }
