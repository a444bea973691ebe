"""The page of one board: its table, its figures, its strata, and what a row opens to."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from atombench.audit.record import BoardFindings
from atombench.audit.tables import Finding, board_table
from atombench.board import figures
from atombench.board.breakdown import Cell
from atombench.board.columns import COLUMNS, place_of
from atombench.board.place import COORDINATES, Place
from atombench.board.rendering import embedded, rendered
from atombench.board.rows import Row
from atombench.board.shown import Shown
from atombench.records.record import Record
from atombench.tasks.atom.methods.table import CONTROLS
from atombench.tasks.atom.secret import is_secret
from atombench.volumes.registry import DatasetRow, is_open


@dataclass(frozen=True)
class BoardContent:
    """Everything that a board's page is made from.

    Attributes:
        rows: best first, chance last.
        manifest: digest of the manifest that all its records share; empty where there is none.
        shown: rows written out, by method.
        strata: cells by kind and name of the stratum, then by method.
        audit: what the audit of the board found, if it was audited.
        links: addresses of the methods' pages, from the folder of methods.
        places: all boards, for the way to the others.
        figures: all but that of severities.
        left_out: records that could not be shown, with the reason.
    """

    place: Place
    rows: Sequence[Row]
    manifest: str
    shown: Mapping[str, Shown]
    strata: Mapping[tuple[str, str], Mapping[str, Cell]]
    dataset: DatasetRow | None
    audit: BoardFindings | None
    card: str
    links: Mapping[str, str]
    places: Sequence[Place]
    figures: Sequence[figures.Figure]
    left_out: Sequence[str] = ()

    @property
    def counts(self) -> dict[str, int]:
        """Volumes, sections, and sections with a correct box; zeros where every run has failed."""
        known = [row.numbers for row in self.rows]
        strict = [number for numbers in known for (protocol, _), number in numbers.items() if protocol == "strict"]
        published = [number for numbers in known for (protocol, _), number in numbers.items() if protocol == "published"]
        return {
            "volumes": max((number.volumes for number in published), default=0),
            "sections": max((number.sections for number in published), default=0),
            "labelled": max((number.sections for number in strict), default=0),
        }


def make_figures(rows: Sequence[Row], records: Sequence[Record]) -> list[figures.Figure]:
    """Figures that need no other board."""
    drawn, chance = figures.chosen(rows), _chance(rows)
    return [
        figures.cost_figure(drawn),
        figures.recall_figure(drawn, chance),
        figures.error_figure(drawn, records),
        figures.reliability_figure(drawn, records),
        figures.curve_figure(drawn, records),
    ]


def _chance(rows: Sequence[Row]) -> Row | None:
    return next((row for row in rows if row.status == "theory"), None)


def board_page(board: BoardContent, severities: Mapping[str, Mapping[int, Sequence[Row]]]) -> str:
    """The page as HTML; `severities` are rows of the boards that differ in degradation alone, by its name and severity."""
    drawn, chance = figures.chosen(board.rows), _chance(board.rows)
    followed = [figures.severity_figure(levels, name) for name, levels in (severities or {"degradation": {}}).items()]
    made = [*followed, *board.figures]
    present = {row.method for row in board.rows}
    return rendered(
        "board.html.j2", root="../", board=board, columns=COLUMNS, lines=[(row, board.shown[row.method]) for row in board.rows],
        figures=sorted(made, key=lambda one: not one.content),
        drawn=[row.method for row in drawn], odd=odd_findings(board.audit), chance=chance,
        missing=[name for name in CONTROLS if name not in present], ways=_ways(board), provenance=_provenance(board),
        left_out=board.left_out, controls=CONTROLS, no_cases=_why_no_cases(board),
        chance_place=place_of(chance.primary.value) if chance and chance.primary else 0,
    )  # fmt: skip


def _why_no_cases(board: BoardContent) -> str:
    if not is_open(board.dataset):
        return "the licence of these data does not allow it, or is not known"
    if is_secret(str(board.place.named["gathering"])):
        return "the board is secret"
    return "the board has not been audited" if board.audit is None else "its audit holds none"


def odd_findings(audit: BoardFindings | None) -> list[Finding]:
    """What the audit of a board wants looked at twice."""
    return [line for line in board_table(audit) if line.odd] if audit else []


def _ways(board: BoardContent) -> dict[str, list[tuple[str, str, bool]]]:
    """For each coordinate that has several values: value, address of the nearest board with it, and whether it is this one."""
    here, ways = board.place.named, {}
    for name in COORDINATES:
        values = sorted({other.named[name] for other in board.places}, key=lambda value: (str(type(value)), value))
        if len(values) > 1:
            ways[name] = [(str(value), _nearest(board, name, value).slug, value == here[name]) for value in values]
    return ways


def _nearest(board: BoardContent, name: str, value: str | int) -> Place:
    """The board with this value that shares most other coordinates with this one."""
    here = board.place.named
    candidates = [other for other in board.places if other.named[name] == value]
    return max(candidates, key=lambda other: sum(other.named[one] == here[one] for one in COORDINATES))


def _provenance(board: BoardContent) -> Markup:
    """Lines of provenance of every run by method, as JSON inside the page."""
    lines = {method: shown.runs for method, shown in board.shown.items() if shown.runs}
    return embedded(json.dumps(lines, ensure_ascii=False))
