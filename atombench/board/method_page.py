"""Page of a method: card, and results on each board, by stratum, with pictures of failures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from markupsafe import Markup

from atombench.board.breakdown import Cell
from atombench.board.columns import Column, named_cell, shared, whisker, with_interval
from atombench.board.provenance import as_list
from atombench.board.shown import Shown
from atombench.board.staging import Passage, Staging
from atombench.pages.axis import Axis, written
from atombench.pages.place import Place
from atombench.pages.rendering import rendered
from atombench.pages.row import Row
from atombench.records.metric import MetricSpec
from atombench.records.record import Record, first_runs


@dataclass(frozen=True)
class MethodOnBoard:
    """A method under one setting: its row and the rendered part of its page."""

    place: Place
    row: Row
    spec: MetricSpec
    axis: Axis
    part: Passage


@dataclass(frozen=True)
class MethodJob:
    """Input for the page of a method; `link` is its address without folder and suffix."""

    name: str
    link: str
    boards: Sequence[MethodOnBoard]
    staging: Staging


def make_method(job: MethodJob) -> str:
    """Write the page of a method; return its address."""
    return job.staging.write(f"methods/{job.link}.html", method_page(job.name, job.boards))


@dataclass(frozen=True)
class Failures:
    """Queries that a method answered incorrectly, as HTML, or the reason why none are shown."""

    content: Markup
    reason: str


def method_part(
    place: Place,
    row: Row,
    shown: Shown,
    columns: Sequence[Column],
    spec: MetricSpec,
    clusters: str,
    strata: Mapping[tuple[str, str], Mapping[str, Cell]],
    failures: Failures,
) -> str:
    """Return the part of a method page about one setting, as HTML.

    Args:
        place: the setting.
        row: row of the method.
        shown: the rendered row.
        columns: columns of the board.
        spec: the primary metric.
        clusters: plural name of the resampled clusters.
        strata: results of the board by kind and name of the stratum, then by method.
        failures: pictures of failures, or the reason why there are none.
    """
    own_cells = [(key, cells[row.method]) for key, cells in strata.items() if row.method in cells]
    return rendered(
        "atombench.board",
        "method_part.html.j2",
        place=place,
        row=row,
        spec=spec,
        clusters=clusters,
        strata=_stratum_lines(own_cells, spec),
        runs=[as_list(lines) for lines in shown.runs],
        failures=failures,
        numbers=_number_lines(columns, shown.cells),
        uses=_verdict_lines(row, spec),
    )


def _verdict_lines(row: Row, spec: MetricSpec) -> Markup:
    """Return the rows of the table of verdicts on the use of inputs."""
    rows = (
        f'<tr><th scope="row">{escape(verdict.exchange)}</th>'
        f"<td>{written(verdict.own, spec.unit)}</td><td>{written(verdict.fall, spec.unit)}</td>"
        f"<td>{written(verdict.low, spec.unit)} to {written(verdict.high, spec.unit)}</td><td>{verdict.state}</td></tr>"
        for verdict in row.verdicts
    )
    return Markup("".join(rows))


def _number_lines(columns: Sequence[Column], cells: Sequence[Markup]) -> Markup:
    """Return the rows of the table of all numbers."""
    rows = (f'<tr><th scope="row">{column.heading}</th>{content}</tr>' for column, content in zip(columns, cells, strict=True))
    return Markup("".join(rows))


def _stratum_lines(cells: Sequence[tuple[tuple[str, str], Cell]], spec: MetricSpec) -> Markup:
    """Return the rows of the table of strata."""
    rows = (
        f'<tr><th scope="row"><span class="small">{escape(kind)}</span> {escape(name)}</th>'
        f"<td>{with_interval(stratum.number, spec.unit)}</td>"
        f"<td>{'–' if stratum.chance is None else written(stratum.chance, spec.unit)}</td>"
        f"<td>{stratum.queries}</td><td>{stratum.clusters}</td><td>{stratum.seeds}</td></tr>"
        for (kind, name), stratum in cells
    )
    return Markup("".join(rows))


def why_no_failures(runs: Sequence[Record], pictures: bool) -> str:
    """Return the reason why a method page shows no failures."""
    if not first_runs(runs):
        return "no run is complete"
    if not pictures:
        return "the licence of the data does not allow it, or the board is secret"
    return "the record has none; there may have been no failure"


def method_page(name: str, boards: Sequence[MethodOnBoard]) -> str:
    """Return the page of a method as HTML, from its parts for all boards."""
    first = boards[0].row
    heading, labels = shared([board.spec for board in boards], [board.axis for board in boards])
    lines = [
        {
            "on": board,
            "whisker": whisker(board.row, board.axis),
            "score": named_cell(board.row, board.spec, heading),
            "part": Markup(board.part.read()),
        }
        for board in boards
    ]
    card: dict[str, Any] = {"family": first.role, "origin": first.origin}
    if counts := [board.row.facts["parameters"] for board in boards if "parameters" in board.row.facts]:
        card["parameters"] = written(counts[0], "count")
    stated = next((board.row.card for board in boards if board.row.card), {})
    shown = {label: text for label, text in stated.items() if label not in ("name", "note", "parameters")}
    plain = {label: ("yes" if text else "no") if isinstance(text, bool) else text for label, text in shown.items()}
    card |= {label.replace("_", " "): text for label, text in plain.items()}
    return rendered(
        "atombench.board",
        "method.html.j2",
        root="../",
        name=name,
        first=first,
        card=card,
        lines=lines,
        heading=heading,
        axis_labels=labels,
    )
