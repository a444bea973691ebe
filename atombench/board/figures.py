"""Figures of a board, drawn by plotly in the reader's browser: its best methods and the controls, from rows and records."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from atombench.board.columns import LOWEST_DRAWN, written
from atombench.board.rows import Row
from atombench.records.record import Record, first_runs
from atombench.tasks.atom.methods.table import CONTROLS
from atombench.tasks.atom.metrics import FINE_DEPTHS, PRIMARY

BEST = 12  # methods drawn besides the controls
DASHES = ("solid", "dash", "dot", "dashdot", "longdash")
PALETTE = ("#1f77b4", "#d1701b", "#2a9d5c", "#c0392b", "#8e63b5", "#9c6b4f", "#d070b0", "#6f8f1f", "#1ca3b5")
ROLE_COLOURS = {"control": "#8a8f98", "search": "#b8860b", "network": "#1f77b4", "submission": "#2a9d5c"}
ROLE_SYMBOLS = {"control": "diamond", "search": "square", "network": "circle", "submission": "star"}
NEUTRAL = "#8a8f98"
CLEAR = "rgba(0,0,0,0)"
GRID = "rgba(128,128,128,0.25)"  # seen on light and dark paper
FONT = {"color": "#7a7f87", "family": "system-ui, sans-serif"}


@dataclass(frozen=True)
class Figure:
    """A figure, or why there is none.

    Attributes:
        key: its name on the page.
        caption: what it shows.
        content: plotly JSON; empty where there is nothing to draw.
        reason: why.
    """

    key: str
    title: str
    caption: str
    content: str
    reason: str = ""


def chosen(rows: Sequence[Row]) -> list[Row]:
    """The rows that figures show: the best methods and all controls, in the order of the board."""
    scored = [row for row in rows if row.primary is not None and row.status != "theory"]
    best = [row.method for row in scored if row.method not in CONTROLS][:BEST]
    return [row for row in scored if row.method in (*best, *CONTROLS)]


def recall_figure(rows: Sequence[Row], chance: Row | None) -> Figure:
    """Recall at 1, 5 and 10."""
    lines = [*rows, *([chance] if chance else [])]
    traces = []
    for number, row in enumerate(lines):
        found = [(k, row.numbers.get(("strict", f"fine_recall@{k}"))) for k in FINE_DEPTHS]
        points = [(k, one.value) for k, one in found if one is not None]
        hover = f"{_safe(row.method)}: %{{y:.1%}} at k = %{{x}}"
        traces.append(_line(row, number, [k for k, _ in points], [value for _, value in points], hover))
    axes = {
        "xaxis": _axis("k, boxes that a method may name", type="log", tickvals=list(FINE_DEPTHS)),
        "yaxis": _percent("recall@k"),
    }
    return _figure("recall", "Recall at k", "How often a correct box is among the k best.", traces, axes)


def cost_figure(rows: Sequence[Row]) -> Figure:
    """Score against parameters, and against seconds of training and predicting."""
    traces: list[dict[str, Any]] = []
    for row in rows:
        seconds = row.facts.get("train_seconds", 0.0) + row.facts.get("predict_seconds", 0.0)
        value = row.primary.value if row.primary else 0.0
        for axis, x, unit in (("", row.facts.get("parameters"), "parameters"), ("2", seconds or None, "s")):
            if x is not None:
                where = (max(x, 1.0) if not axis else x, max(value, LOWEST_DRAWN))
                traces.append(_point(row, where, axis, f"{written(value, 'share')} %, {x:.4g} {unit}"))
    axes = {
        "xaxis": _axis("parameters (0 drawn at 1)", type="log", domain=[0, 0.47]), "yaxis": _scores("recall@1"),
        "xaxis2": _axis("seconds to train and to predict", type="log", domain=[0.53, 1], anchor="y2"),
        "yaxis2": {**_scores(""), "anchor": "x2"},
    }  # fmt: skip
    return _figure(
        "cost", "Score against parameters and time", "recall@1 of each method; hover for its name.", traces, axes,
        "no run on this board says what it cost", legend=False,
    )  # fmt: skip


def severity_figure(boards: Mapping[int, Sequence[Row]], degradation: str) -> Figure:
    """Score against severity, over the boards that differ in it alone; severity 0 is the clean board."""
    key = "severity-" + hashlib.sha256(degradation.encode()).hexdigest()[:8]
    title, caption = "Score against severity", f"recall@1 of the same sections as {degradation} grows; 0 is clean."
    if len(boards) < 2:
        reason = "this question has been asked at one severity only, so there is nothing to compare"
        return Figure(key, title, caption, "", reason)
    shown = list(dict.fromkeys(row.method for rows in boards.values() for row in chosen(rows)))
    traces = []
    for number, method in enumerate(shown):
        found = {level: row for level, rows in sorted(boards.items()) for row in rows if row.method == method and row.primary}
        values = [row.primary.value for row in found.values() if row.primary]
        hover = f"{_safe(method)}: %{{y:.1%}} at severity %{{x}}"
        traces.append(_line(next(iter(found.values())), number, list(found), values, hover))
    axes = {"xaxis": _axis(f"severity of {_safe(degradation)}", dtick=1), "yaxis": _percent()}
    return _figure(key, title, caption, traces, axes)


def curve_figure(rows: Sequence[Row], records: Sequence[Record]) -> Figure:
    """Validation score and training loss against steps; a line for each seed."""
    order = {row.method: number for number, row in enumerate(rows)}
    named: set[str] = set()  # in the legend
    traces: list[dict[str, Any]] = []
    for record in records:
        if record.unit.method not in order or not record.curve:
            continue
        row = rows[order[record.unit.method]]
        for axis, name, unit in (("", f"val/{PRIMARY}", ":.1%"), ("2", "train/loss", ":.4~g")):
            points = [(point["step"], point[name]) for point in record.curve if name in point and "step" in point]
            if points:
                hover = f"{_safe(row.method)}, seed {record.unit.seed}: %{{y{unit}}} at step %{{x}}"
                line = _line(row, order[row.method], [x for x, _ in points], [y for _, y in points], hover, axis)
                traces.append({**line, "showlegend": row.method not in named})
                named.add(row.method)
    axes = {
        "xaxis": _axis("step", domain=[0, 0.47]), "yaxis": _percent("validation recall@1"),
        "xaxis2": _axis("step", domain=[0.55, 1], anchor="y2"), "yaxis2": _axis("training loss", type="log", anchor="x2"),
    }  # fmt: skip
    caption = "Score on validation sections, never on test sections, and training loss; a line for each seed."
    return _figure("curves", "Training curves", caption, traces, axes, "no method on this board was trained step by step")


def reliability_figure(rows: Sequence[Row], records: Sequence[Record]) -> Figure:
    """Confidence in the best box against how often it is right; first seed."""
    first = first_runs(records)
    traces = []
    for number, row in enumerate(rows):
        bins = first[row.method].reliability if row.method in first else []
        if bins:
            hover = f"{_safe(row.method)}: confidence %{{x:.3f}}, right %{{y:.1%}}"
            line = _line(row, number, [one.confidence for one in bins], [one.right for one in bins], hover)
            traces.append(line)
    if traces:
        honest = {"x": [0, 1], "y": [0, 1], "mode": "lines", "name": "honest", "line": {"dash": "dot", "color": NEUTRAL}}
        traces.insert(0, {"type": "scatter", **honest})
    axes = {"xaxis": _axis("confidence in the best box"), "yaxis": _percent("share that is right")}
    caption = (
        "Confidence in the best box against how often it is right, in bins; on the dotted line a method is honest. First seed."
    )
    return _figure("reliability", "Reliability", caption, traces, axes, "no method on this board gives probabilities")


def error_figure(rows: Sequence[Row], records: Sequence[Record]) -> Figure:
    """Distribution of the distance of the predicted centre, in mm where a voxel's size is known; first seed."""
    first = first_runs(records)
    traces, units = [], set()
    for number, row in enumerate(rows):
        errors = first[row.method].errors if row.method in first else {}
        unit = "mm" if "centre_mm" in errors else "voxel"
        if found := errors.get(f"centre_{unit}"):
            units.add(unit)
            shares = [step / max(len(found) - 1, 1) for step in range(len(found))]
            hover = f"{_safe(row.method)}: %{{y:.0%}} within %{{x:.2f}} {unit}"
            traces.append(_line(row, number, found, shares, hover))
    axes = {
        "xaxis": _axis(f"distance of the centre, {' or '.join(sorted(units)) or 'mm'}"),
        "yaxis": _percent("share of sections"),
    }
    caption = "Share of sections whose predicted centre lies within a distance of the true one. First seed."
    return _figure("errors", "Distribution of errors", caption, traces, axes, "no method on this board gives poses")


def _figure(
    key: str, title: str, caption: str, traces: list[dict[str, Any]], axes: dict[str, Any], reason: str = "nothing to draw",
    legend: bool = True,
) -> Figure:  # fmt: skip
    if not traces:
        return Figure(key, title, caption, "", reason)
    layout = {
        **axes, "height": 400, "margin": {"l": 60, "r": 15, "t": 15, "b": 50}, "paper_bgcolor": CLEAR, "plot_bgcolor": CLEAR,
        "font": FONT, "showlegend": legend, "hovermode": "closest",
        "legend": {"orientation": "h", "y": -0.2, "yanchor": "top"},
    }  # fmt: skip
    return Figure(key, title, caption, json.dumps({"data": traces, "layout": layout}, allow_nan=False))


def _line(row: Row, number: int, x: Sequence[float], y: Sequence[float], hover: str, axis: str = "") -> dict[str, Any]:
    return {
        "type": "scatter", "mode": "lines+markers", "x": list(x), "y": list(y), "name": _safe(row.method),
        "legendgroup": row.method, "line": _style(row, number), "hovertemplate": hover + "<extra></extra>", "xaxis": f"x{axis}",
        "yaxis": f"y{axis}",
    }  # fmt: skip


def _point(row: Row, where: tuple[float, float], axis: str, text: str) -> dict[str, Any]:
    return {
        "type": "scatter", "mode": "markers", "x": [where[0]], "y": [where[1]], "name": _safe(row.method), "xaxis": f"x{axis}",
        "yaxis": f"y{axis}", "marker": {
            "size": 11, "color": ROLE_COLOURS.get(row.role, NEUTRAL), "symbol": ROLE_SYMBOLS.get(row.role, "circle"),
        },
        "hovertemplate": f"{_safe(row.method)}: {text}<extra></extra>",
    }  # fmt: skip


def _style(row: Row, number: int) -> dict[str, str]:
    """Controls are grey and differ by dashes; other methods differ by hue, and when hues run out by dashes."""
    if row.role in ("control", "theory"):
        return {"color": NEUTRAL, "dash": DASHES[number % len(DASHES)]}
    return {"color": PALETTE[number % len(PALETTE)], "dash": DASHES[number // len(PALETTE) % len(DASHES)]}


def _axis(title: str, **more: Any) -> dict[str, Any]:
    return {"title": {"text": title}, "gridcolor": GRID, "zeroline": False, "automargin": True, **more}


def _percent(title: str = "recall@1") -> dict[str, Any]:
    return _axis(title, tickformat=",.1~%", rangemode="tozero")


def _scores(title: str) -> dict[str, Any]:
    """A logarithmic axis of shares, as that of the whiskers."""
    ticks = [0.001, 0.01, 0.1, 1]
    edge = math.log10(LOWEST_DRAWN)
    return _axis(title, type="log", range=[1.03 * edge, 0.1], tickvals=ticks, ticktext=[f"{100 * tick:g} %" for tick in ticks])


def _safe(name: str) -> str:
    """A name as plotly's texts take it: they know some HTML, and templates in braces."""
    short = name if len(name) <= 40 else name[:39] + "…"
    return short.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("%{", "% {")
