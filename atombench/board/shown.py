"""Rendered rows of a board, shared by all pages that show them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from atombench.board.columns import Column, cell, whisker
from atombench.board.provenance import Line, provenance
from atombench.pages.axis import Axis
from atombench.pages.row import Row
from atombench.records.record import Record


@dataclass(frozen=True)
class Shown:
    """Rendered row for the board page and the method page: table cells, and the provenance of each run."""

    whisker: Markup
    cells: Sequence[Markup]
    runs: Sequence[Sequence[Line]]


def show(row: Row, records: Sequence[Record], columns: Sequence[Column], axis: Axis) -> Shown:
    """Render a row and the provenance of its runs."""
    return Shown(whisker(row, axis), [cell(row, column) for column in columns], [provenance(record) for record in records])
