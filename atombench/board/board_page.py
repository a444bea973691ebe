"""Page of one board under one condition: table, figures, strata, and provenance of each row."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from atombench.audit.record import BoardFindings, Line
from atombench.board import figures
from atombench.board.breakdown import Cell
from atombench.board.changes import Change
from atombench.board.columns import Column
from atombench.board.shown import Shown
from atombench.pages.axis import Axis
from atombench.pages.figure import Figure
from atombench.pages.place import Place
from atombench.pages.rendering import embedded, rendered
from atombench.pages.row import Row
from atombench.records.metric import MetricSpec
from atombench.records.record import Record
from atombench.volumes.registry import DatasetRow, is_open


@dataclass(frozen=True)
class BoardContent:
    """Content of the page of a board.

    Attributes:
        place: setting with title and address.
        rows: methods, best first, chance level last.
        columns: columns of the table.
        spec: the primary metric.
        axis: axis of the primary metric.
        controls: methods expected on every board of the task.
        manifest: digest of the manifest of all records; empty if there are no records.
        shown: rendered rows, by method.
        strata: results by kind and name of the stratum, then by method.
        dataset: registry entry; None if there is none.
        audit: findings of the audit; None if the board was not audited.
        card: address of the dataset card; empty if there is none.
        links: addresses of method pages, relative to the folder of methods.
        places: all settings, for navigation.
        figures: all figures except those across conditions.
        summary: sentence about the board, written by the task.
        clusters: plural name of the resampled clusters.
        preview: pictures of queries under the conditions of the task; empty if there are none.
        cases: whether a page with cases exists.
        secret: whether the board is secret.
        left_out: records that cannot be shown, with the reason.
    """

    place: Place
    rows: Sequence[Row]
    columns: Sequence[Column]
    spec: MetricSpec
    axis: Axis
    controls: Sequence[str]
    manifest: str
    shown: Mapping[str, Shown]
    strata: Mapping[tuple[str, str], Mapping[str, Cell]]
    dataset: DatasetRow | None
    audit: BoardFindings | None
    card: str
    links: Mapping[str, str]
    places: Sequence[Place]
    figures: Sequence[Figure]
    summary: str
    clusters: str
    preview: Markup
    cases: bool
    secret: bool
    left_out: Sequence[str] = ()

    @property
    def counts(self) -> dict[str, int]:
        """Number of clusters, queries, and queries of the primary metric; zero if every run failed."""
        known = [number for row in self.rows for number in row.numbers.values()]
        ranked = [row.primary for row in self.rows if row.primary]
        return {
            "clusters": max((number.clusters for number in known), default=0),
            "queries": max((number.queries for number in known), default=0),
            "ranked": max((number.queries for number in ranked), default=0),
        }


@dataclass(frozen=True)
class Conditions:
    """Results of a board under its other conditions.

    Attributes:
        levels: rows by family and level of the condition.
        changes: condition, address of its page, and changes from the clean board by method: of this condition, or of all if
            this is the clean board.
        compared: address of the page that compares all conditions; empty if there is none.
    """

    levels: Mapping[str, Mapping[int, Sequence[Row]]]
    changes: Sequence[tuple[str, str, Mapping[str, Change]]] = ()
    compared: str = ""


def make_figures(rows: Sequence[Row], records: Sequence[Record], spec: MetricSpec) -> list[Figure]:
    """Return the figures common to all tasks that only need this setting."""
    return [
        figures.cost_figure(rows, spec),
        figures.error_figure(rows, records),
        figures.reliability_figure(rows, records),
        figures.curve_figure(rows, records, spec),
    ]


def chance_of(rows: Sequence[Row]) -> Row | None:
    """Return the row of the chance level; None if there is none."""
    return next((row for row in rows if row.status == "theory"), None)


def board_page(board: BoardContent, conditions: Conditions) -> str:
    """Return the page of a board under one condition as HTML."""
    drawn, chance = figures.chosen(board.rows, board.controls), chance_of(board.rows)
    severity = [
        figures.severity_figure(rows, name, board.spec, board.controls)
        for name, rows in (conditions.levels or {"the condition": {}}).items()
    ]
    drawings = [*severity, *board.figures]
    present = {row.method.split("@")[0] for row in board.rows}
    return rendered(
        "atombench.board",
        "board.html.j2",
        root="../",
        board=board,
        lines=[(row, board.shown[row.key]) for row in board.rows],
        figures=sorted(drawings, key=lambda figure: not figure.content),
        drawn=[row.method for row in drawn],
        changes=conditions.changes,
        compared=conditions.compared,
        flagged=flagged(board.audit),
        chance=chance,
        missing=[name for name in board.controls if name not in present],
        ways=_ways(board),
        provenance=_provenance(board),
        left_out=board.left_out,
        no_cases=_why_no_cases(board),
        chance_place=board.axis.place(chance.primary.value) if chance and chance.primary else 0,
    )


def _why_no_cases(board: BoardContent) -> str:
    if not is_open(board.dataset):
        return "the licence of the data does not allow it, or is unknown"
    if board.secret:
        return "the board is secret"
    return "the board has not been audited" if board.audit is None else "the audit has none"


def flagged(audit: BoardFindings | None) -> list[Line]:
    """Return the flagged findings of the audit of a board."""
    return [line for line in audit.lines if line.flagged] if audit else []


def _ways(board: BoardContent) -> dict[str, list[tuple[str, str, bool]]]:
    """Return for each coordinate with several values: value, address of the nearest setting with it, whether it is current."""
    here, ways = board.place.coordinates, {}
    for name in here:
        values = sorted({other.coordinates[name] for other in board.places if name in other.coordinates})
        if len(values) > 1:
            ways[name] = [(value, _nearest(board, name, value).slug, value == here[name]) for value in values]
    return ways


def _nearest(board: BoardContent, name: str, value: str) -> Place:
    """Return the setting with this value that shares the most other coordinates with the current one."""
    here = board.place.coordinates
    candidates = [other for other in board.places if other.coordinates.get(name) == value]
    return max(candidates, key=lambda other: sum(other.coordinates.get(part) == here[part] for part in here))


def _provenance(board: BoardContent) -> Markup:
    """Return the provenance of every run by method, as JSON for a script element."""
    lines = {method: shown.runs for method, shown in board.shown.items() if shown.runs}
    return embedded(json.dumps(lines, ensure_ascii=False))
