"""The page of a method: what it is, and how it does on each board, by stratum, with failures as pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from markupsafe import Markup

from atombench.board.breakdown import Cell
from atombench.board.columns import COLUMNS, SCORE, cell, whisker, with_interval, written
from atombench.board.place import Place
from atombench.board.provenance import as_list
from atombench.board.rendering import rendered
from atombench.board.rows import Row
from atombench.board.shown import Shown
from atombench.board.staging import Part, Staging
from atombench.records.record import Record, first_runs


@dataclass(frozen=True)
class MethodOnBoard:
    """What a method's page holds of one board: its row, and where the rendered part about it lies."""

    place: Place
    row: Row
    part: Part


@dataclass(frozen=True)
class MethodJob:
    """A method whose page is to be made; `link` is its address without folder and ending."""

    name: str
    link: str
    boards: Sequence[MethodOnBoard]
    staging: Staging


def make_method(task: MethodJob) -> str:
    """Write a method's page; gives its address."""
    return task.staging.write(f"methods/{task.link}.html", method_page(task.name, task.boards))


def method_part(
    place: Place,
    row: Row,
    shown: Shown,
    records: Sequence[Record],
    strata: Mapping[tuple[str, str], Mapping[str, Cell]],
    pictures: bool,
) -> str:
    """The part of a method's page about one board, as HTML.

    Args:
        place: the board.
        row: the method's row on it.
        shown: the row written out.
        records: the method's runs there.
        strata: cells of the board by kind and name of the stratum, then by method.
        pictures: whether failures may be shown.
    """
    mine = [(key, cells[row.method]) for key, cells in strata.items() if row.method in cells]
    first = first_runs(records).get(row.method)
    return rendered(
        "method_part.html.j2", place=place, row=row, strata=_stratum_lines(mine), runs=[as_list(lines) for lines in shown.runs],
        failures=first.failures if first and pictures else [], why=_why_no_failures(first, pictures),
        numbers=_number_lines(shown.cells),
    )  # fmt: skip


def _number_lines(cells: Sequence[Markup]) -> Markup:
    """Rows of the table of all numbers."""
    rows = (f'<tr><th scope="row">{column.heading}</th>{found}</tr>' for column, found in zip(COLUMNS, cells, strict=True))
    return Markup("".join(rows))


def _stratum_lines(mine: Sequence[tuple[tuple[str, str], Cell]]) -> Markup:
    """Rows of the table of strata."""
    rows = (
        f'<tr><th scope="row"><span class="small">{escape(kind)}</span> {escape(name)}</th>'
        f"<td>{with_interval(one.found, 'share')}</td><td>{written(one.chance, 'share')}</td>"
        f"<td>{one.sections}</td><td>{one.volumes}</td><td>{one.seeds}</td></tr>"
        for (kind, name), one in mine
    )
    return Markup("".join(rows))


def _why_no_failures(first: Record | None, pictures: bool) -> str:
    if first is None:
        return "no run has ended"
    if not pictures:
        return "the licence of these data, or the board being secret, does not allow it"
    found = first.find("strict", "fine_recall@1")
    if found is not None and found.value == 1:
        return "every section was placed right"
    return "the record holds none"


def method_page(name: str, boards: Sequence[MethodOnBoard]) -> str:
    """The whole page, from the method's parts on all boards."""
    first = boards[0].row
    lines = [
        {"on": one, "whisker": whisker(one.row), "score": cell(one.row, SCORE), "part": Markup(one.part.read())}
        for one in boards
    ]
    card: dict[str, Any] = {"family": first.role, "whose": first.origin}
    if known := [one.row.facts["parameters"] for one in boards if "parameters" in one.row.facts]:
        card["parameters"] = written(known[0], "count")
    said = next((one.row.card for one in boards if one.row.card), {})
    card |= {label.replace("_", " "): text for label, text in said.items() if label not in ("name", "note", "parameters")}
    return rendered("method.html.j2", root="../", name=name, first=first, card=card, lines=lines)
