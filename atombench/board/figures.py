"""Figures of the board, drawn by plotly in the reader's browser from numbers in the page."""

from __future__ import annotations

import pandas as pd

ROLE_COLOURS = {"control": "#8a8f98", "search": "#b8860b", "network": "#1f77b4"}
ROLE_SYMBOLS = {"control": "diamond", "search": "square", "network": "circle"}


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
    for role, colour in ROLE_COLOURS.items():
        some = rows[[roles[method] == role for method in rows["method"]]]
        figure.add_scatter(
            x=list(some["value"]), y=list(some["method"]), mode="markers", name=role,
            marker={"size": 10, "color": colour, "symbol": ROLE_SYMBOLS[role]},
            error_x={
                "type": "data", "symmetric": False, "color": colour, "thickness": 1.5,
                "array": list(some["ci_high"] - some["value"]), "arrayminus": list(some["value"] - some["ci_low"]),
            },
            hovertemplate="%{y}: %{x:.4f}<extra></extra>",
        )  # fmt: skip
    if chance is not None:
        figure.add_vline(x=chance, line={"dash": "dot", "color": "#c0392b"}, annotation_text=f"chance {chance:.4f}")
    figure.update_layout(
        height=120 + 34 * len(rows), margin={"l": 10, "r": 20, "t": 20, "b": 40}, legend={"orientation": "h", "y": 1.15},
        paper_bgcolor="rgba(0,0,0,0)", plot_bgcolor="rgba(0,0,0,0)", font={"color": "#7a7f87", "family": "system-ui"},
        xaxis={"title": title, "range": [0, 1.02], "gridcolor": "rgba(128,128,128,0.25)", "zeroline": False},
        yaxis={"categoryorder": "array", "categoryarray": list(rows["method"])[::-1], "automargin": True},
        template=None,
    )  # fmt: skip
    return str(figure.to_json())
