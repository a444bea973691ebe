"""Figures of a board common to all tasks: cost, conditions, training curves, reliability, distribution of errors."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from atombench.pages.axis import LOWEST_SHARE, with_unit
from atombench.pages.figure import (
    NEUTRAL,
    PALETTE,
    ROLE_SYMBOLS,
    Figure,
    line,
    make_axis,
    make_figure,
    percent_axis,
    point,
    safe,
    share_axis,
)
from atombench.pages.row import Number, Row
from atombench.records.metric import MetricSpec
from atombench.records.record import Record, first_runs

BEST = 12  # methods drawn besides the controls


def chosen(rows: Sequence[Row], controls: Sequence[str]) -> list[Row]:
    """Return the rows shown in figures: the best methods and all controls, in board order."""
    scored = [row for row in rows if row.primary is not None and row.status != "theory"]
    best = [row.method for row in scored if row.method not in controls][:BEST]
    return [row for row in scored if row.method in (*best, *controls)]


def cost_figure(rows: Sequence[Row], spec: MetricSpec) -> Figure:
    """Return the figure of score against parameters and against time (s) of training and prediction."""
    traces = []
    for row in rows:
        value = row.primary.value if row.primary else 0.0
        for axis, unit in (("", "parameters"), ("2", "s")):
            if (x := _cost(row, unit)) is not None:
                y = max(value, LOWEST_SHARE) if spec.unit == "share" else value
                traces.append(point(row, (x, y), axis, f"{with_unit(value, spec.unit)}, {x:.4g} {unit}"))
    head = (
        "cost",
        "Score against parameters and time",
        f"{spec.heading} of each method against its parameters (0 is drawn at 1) and its seconds of training and predicting.",
    )
    return make_figure(head, traces, cost_axes(spec), "no run on this board states what it cost", legend=False)


def condition_cost_figure(conditions: Sequence[tuple[str, Sequence[Row]]], spec: MetricSpec, controls: Sequence[str]) -> Figure:
    """Return the figure of score against parameters and against time (s), with one colour for each condition."""
    traces: list[dict[str, Any]] = []
    named: set[str] = set()  # conditions in the legend
    for number, (condition, rows) in enumerate(conditions):
        for axis, unit in (("", "parameters"), ("2", "s")):
            points = [(row, x, row.primary.value) for row in chosen(rows, controls) if row.primary and (x := _cost(row, unit))]
            if points:
                traces.append(
                    {
                        "type": "scatter",
                        "mode": "markers",
                        "name": safe(condition),
                        "legendgroup": condition,
                        "showlegend": condition not in named,
                        "x": [x for _, x, _ in points],
                        "y": [max(value, LOWEST_SHARE) if spec.unit == "share" else value for *_, value in points],
                        "text": [
                            f"{safe(row.method)}: {with_unit(value, spec.unit)}, {x:.4g} {unit}" for row, x, value in points
                        ],
                        "hovertemplate": f"%{{text}}, {safe(condition)}<extra></extra>",
                        "marker": {
                            "size": 9,
                            "color": PALETTE[number % len(PALETTE)],
                            "opacity": max(0.2, 1 - 0.3 * (number // len(PALETTE))),
                            "symbol": [ROLE_SYMBOLS.get(row.role, "circle") for row, *_ in points],
                        },
                        "xaxis": f"x{axis}",
                        "yaxis": f"y{axis}",
                    }
                )
                named.add(condition)
    head = (
        "cost-by-condition",
        "Score against parameters and time, by condition",
        f"{spec.heading} of each method under each condition against its parameters (0 is drawn at 1) and its seconds of "
        "training and predicting. Diamonds are controls, squares searches, triangles classical methods, circles networks and "
        "stars submissions.",
    )
    return make_figure(head, traces, cost_axes(spec), "no run on this board states what it cost")


def _cost(row: Row, unit: str) -> float | None:
    """Return the parameters of a row, at least 1, or its seconds; None if unknown."""
    if unit == "parameters":
        return max(row.facts["parameters"], 1.0) if "parameters" in row.facts else None
    return row.facts.get("train_seconds", 0.0) + row.facts.get("predict_seconds", 0.0) or None


def cost_axes(spec: MetricSpec) -> dict[str, Any]:
    """Return two pairs of axes: score against parameters, and against seconds."""
    return {
        "xaxis": make_axis("parameters", type="log", domain=[0, 0.47]),
        "yaxis": score_axis(spec, spec.heading),
        "xaxis2": make_axis("seconds", type="log", domain=[0.53, 1], anchor="y2"),
        "yaxis2": {**score_axis(spec, ""), "anchor": "x2"},
    }


def score_axis(spec: MetricSpec, title: str) -> dict[str, Any]:
    """Return the axis of the primary metric in scatter plots."""
    return share_axis(title) if spec.unit == "share" else make_axis(title, rangemode="tozero")


def value_axis(spec: MetricSpec, title: str) -> dict[str, Any]:
    """Return the axis of the primary metric in line plots."""
    return percent_axis(title) if spec.unit == "share" else make_axis(title, rangemode="tozero")


def hover_format(spec: MetricSpec) -> str:
    """Return the number format of the primary metric for plotly."""
    return ":.1%" if spec.unit == "share" else ":.3~g"


def severity_figure(levels: Mapping[int, Sequence[Row]], family: str, spec: MetricSpec, controls: Sequence[str]) -> Figure:
    """Return the figure of score against severity of a condition; severity 0 is clean."""
    key = "severity-" + hashlib.sha256(family.encode()).hexdigest()[:8]
    caption = f"{spec.heading} of the same queries against the severity of {family}, with 95 % intervals; 0 is clean."
    head = (key, f"Score against severity of {family}", caption)
    if len(levels) < 2:
        return Figure(*head, "", "this board has results at one severity only")
    methods = list(dict.fromkeys(row.method for rows in levels.values() for row in chosen(rows, controls)))
    traces = []
    for number, method in enumerate(methods):
        by_level = {
            level: row for level, rows in sorted(levels.items()) for row in rows if row.method == method and row.primary
        }
        values = [row.primary.value for row in by_level.values() if row.primary]
        hover = f"{safe(method)}: %{{y{hover_format(spec)}}} at severity %{{x}}"
        trace = line(next(iter(by_level.values())), number, list(by_level), values, hover)
        traces.append({**trace, "error_y": _whiskers([row.primary for row in by_level.values() if row.primary])})
    axes = {"xaxis": make_axis(f"severity of {safe(family)}", dtick=1), "yaxis": value_axis(spec, spec.heading)}
    return make_figure(head, traces, axes)


def _whiskers(numbers: Sequence[Number]) -> dict[str, Any]:
    """Return the 95 % intervals of numbers as error bars."""
    above = [(number.value if number.high is None else number.high) - number.value for number in numbers]
    below = [number.value - (number.value if number.low is None else number.low) for number in numbers]
    return {"type": "data", "symmetric": False, "array": above, "arrayminus": below, "thickness": 1, "width": 2}


def curve_figure(rows: Sequence[Row], records: Sequence[Record], spec: MetricSpec) -> Figure:
    """Return the figure of validation score and training loss against steps, one line per seed."""
    order = {row.method: number for number, row in enumerate(rows) if row.status != "theory"}
    legend: set[str] = set()
    traces: list[dict[str, Any]] = []
    for record in records:
        if record.run.method not in order or not record.curve:
            continue
        row = rows[order[record.run.method]]
        score = next((name for name in record.curve[0] if name.startswith("val/")), "")
        for axis, name, unit in (("", score, hover_format(spec)), ("2", "train/loss", ":.4~g")):
            points = [(entry["step"], entry[name]) for entry in record.curve if name in entry and "step" in entry]
            if points:
                hover = f"{safe(row.method)}, seed {record.run.seed}: %{{y{unit}}} at step %{{x}}"
                steps, values = zip(*points, strict=True)
                trace = line(row, order[row.method], steps, values, hover, axis)
                traces.append({**trace, "showlegend": row.method not in legend})
                legend.add(row.method)
    axes = {
        "xaxis": make_axis("step", domain=[0, 0.47]),
        "yaxis": value_axis(spec, "validation score"),
        "xaxis2": make_axis("step", domain=[0.55, 1], anchor="y2"),
        "yaxis2": make_axis("training loss", type="log", anchor="x2"),
    }
    caption = "Score on validation queries, never on test queries, and training loss; one line per seed."
    return make_figure(("curves", "Training curves", caption), traces, axes, "no method on this board reports a training curve")


def reliability_figure(rows: Sequence[Row], records: Sequence[Record]) -> Figure:
    """Return the reliability figure: confidence against accuracy of the best answer, first seed."""
    first = first_runs(records)
    traces = []
    for number, row in enumerate(rows):
        bins = first[row.method].reliability if row.method in first else []
        if bins:
            hover = f"{safe(row.method)}: confidence %{{x:.3f}}, correct %{{y:.1%}}"
            traces.append(line(row, number, [part.confidence for part in bins], [part.right for part in bins], hover))
    if traces:
        calibrated = {"x": [0, 1], "y": [0, 1], "mode": "lines", "name": "calibrated"}
        traces.insert(0, {"type": "scatter", **calibrated, "line": {"dash": "dot", "color": NEUTRAL}})
    axes = {"xaxis": make_axis("confidence in the best answer"), "yaxis": percent_axis("share that is correct")}
    caption = (
        "Confidence in the best answer against the share of correct answers, in bins; the dotted line is perfect calibration. "
        "First seed."
    )
    return make_figure(("reliability", "Reliability", caption), traces, axes, "no method on this board returns probabilities")


def error_figure(rows: Sequence[Row], records: Sequence[Record]) -> Figure:
    """Return the cumulative distribution of an error, in mm if available, first seed."""
    first = first_runs(records)
    names = {name for record in first.values() for name in record.errors}
    name = next((name for name in sorted(names) if name.endswith("_mm")), next(iter(sorted(names)), ""))
    traces, words = [], name.replace("_", " ")
    for number, row in enumerate(rows):
        values = first[row.method].errors.get(name) if row.method in first else None
        if values:
            shares = [step / max(len(values) - 1, 1) for step in range(len(values))]
            hover = f"{safe(row.method)}: %{{y:.0%}} within %{{x:.2f}}"
            traces.append(line(row, number, values, shares, hover))
    axes = {"xaxis": make_axis(words or "error"), "yaxis": percent_axis("share of queries")}
    caption = f"Share of queries with an error ({words}) up to the given value. First seed."
    return make_figure(("errors", "Distribution of errors", caption), traces, axes, "no record of this board has errors")
