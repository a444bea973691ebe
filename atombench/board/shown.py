"""Rows of a board written out, once for all pages that show them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from atombench.board.columns import COLUMNS, cell, whisker
from atombench.board.provenance import Line, provenance
from atombench.board.rows import Row
from atombench.records.record import Record


@dataclass(frozen=True)
class Shown:
    """What both the board's page and the method's show of a row: cells of the table, and lines of provenance of each run."""

    whisker: Markup
    cells: Sequence[Markup]
    runs: Sequence[Sequence[Line]]


def show(row: Row, records: Sequence[Record]) -> Shown:
    """Write out a row and its runs."""
    return Shown(whisker(row), [cell(row, column) for column in COLUMNS], [provenance(record) for record in records])
