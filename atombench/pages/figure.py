"""Layout, axes and styles of figures, which plotly draws in the browser."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from atombench.pages.axis import LOWEST_SHARE
from atombench.pages.row import Row

DASHES = ("solid", "dash", "dot", "dashdot", "longdash")
PALETTE = ("#1f77b4", "#d1701b", "#2a9d5c", "#c0392b", "#8e63b5", "#9c6b4f", "#d070b0", "#6f8f1f", "#1ca3b5")
ROLE_COLOURS = {
    "control": "#8a8f98",
    "search": "#b8860b",
    "classical": "#7a5195",
    "network": "#1f77b4",
    "submission": "#2a9d5c",
}
ROLE_SYMBOLS = {"control": "diamond", "search": "square", "classical": "triangle-up", "network": "circle", "submission": "star"}
NEUTRAL = "#8a8f98"
CLEAR = "rgba(0,0,0,0)"
GRID = "rgba(128,128,128,0.25)"  # visible on light and dark backgrounds
FONT = {"color": "#7a7f87", "family": "system-ui, sans-serif"}
Trace = dict[str, Any]


@dataclass(frozen=True)
class Figure:
    """A figure, or the reason for its absence.

    Attributes:
        key: identifier of the figure on the page.
        title: heading.
        caption: text below the figure.
        content: plotly JSON; empty if there is nothing to draw.
        reason: explanation if `content` is empty.
    """

    key: str
    title: str
    caption: str
    content: str
    reason: str = ""


def make_figure(
    head: tuple[str, str, str], traces: Sequence[Trace], axes: Trace, reason: str = "nothing to draw", legend: bool = True
) -> Figure:
    """Build a figure from `head` (key, title, caption), traces and axes; without traces, it only has a reason."""
    if not traces:
        return Figure(*head, "", reason)
    layout = {
        **axes,
        "height": 400,
        "margin": {"l": 60, "r": 15, "t": 15, "b": 50},
        "paper_bgcolor": CLEAR,
        "plot_bgcolor": CLEAR,
        "font": FONT,
        "showlegend": legend,
        "hovermode": "closest",
        "legend": {"orientation": "h", "y": -0.2, "yanchor": "top"},
    }
    return Figure(*head, json.dumps({"data": list(traces), "layout": layout}, allow_nan=False))


def line(row: Row, number: int, x: Sequence[float], y: Sequence[float], hover: str, axis: str = "") -> Trace:
    """Return the line of a method; controls are grey with different dashes, other methods differ in colour."""
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "x": list(x),
        "y": list(y),
        "name": safe(row.method),
        "legendgroup": row.method,
        "line": _style(row, number),
        "hovertemplate": hover + "<extra></extra>",
        "xaxis": f"x{axis}",
        "yaxis": f"y{axis}",
    }


def point(row: Row, where: tuple[float, float], axis: str, text: str) -> Trace:
    """Return the point of a method, in the colour and shape of its role."""
    symbol = ROLE_SYMBOLS.get(row.role, "circle")
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [where[0]],
        "y": [where[1]],
        "name": safe(row.method),
        "xaxis": f"x{axis}",
        "yaxis": f"y{axis}",
        "marker": {"size": 11, "color": ROLE_COLOURS.get(row.role, NEUTRAL), "symbol": symbol},
        "hovertemplate": f"{safe(row.method)}: {text}<extra></extra>",
    }


def _style(row: Row, number: int) -> dict[str, str]:
    if row.role in ("control", "theory"):
        return {"color": NEUTRAL, "dash": DASHES[number % len(DASHES)]}
    return {"color": PALETTE[number % len(PALETTE)], "dash": DASHES[number // len(PALETTE) % len(DASHES)]}


def make_axis(title: str, **more: Any) -> Trace:
    """Return a plain axis."""
    return {"title": {"text": title}, "gridcolor": GRID, "zeroline": False, "automargin": True, **more}


def percent_axis(title: str) -> Trace:
    """Return a linear axis of shares."""
    return make_axis(title, tickformat=",.1~%", rangemode="tozero")


def share_axis(title: str) -> Trace:
    """Return a logarithmic axis of shares, like the axis of the tables."""
    ticks = [0.001, 0.01, 0.1, 1]
    edge = math.log10(LOWEST_SHARE)
    return make_axis(
        title, type="log", range=[1.03 * edge, 0.1], tickvals=ticks, ticktext=[f"{100 * tick:g} %" for tick in ticks]
    )


def safe(name: str) -> str:
    """Escape a name for plotly, which interprets some HTML and templates in braces."""
    short = name if len(name) <= 40 else name[:39] + "…"
    return short.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("%{", "% {")
