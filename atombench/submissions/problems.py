"""Collect the problems of a submission, so that all of them are reported together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from atombench.io.text import one_line

SHOWN = 5  # rows listed per problem


@dataclass
class Problems:
    """Problems of a submission.

    Attributes:
        lines: one per problem: the file, the row if known, and what was expected.
    """

    lines: list[str] = field(default_factory=list)

    def add(self, place: str, text: str) -> None:
        """Add a problem; text from files is shortened and control characters are removed."""
        line = f"{one_line(place)}: {one_line(text)}"
        if line not in self.lines:
            self.lines.append(line)

    def add_rows(self, place: str, text: str, rows: Iterable[object]) -> None:
        """Add a problem of several rows, listing the first few; do nothing if there are no rows."""
        listed = list(rows)
        if listed:
            first = ", ".join(str(row) for row in listed[:SHOWN])
            more = f" and {len(listed) - SHOWN} more" if len(listed) > SHOWN else ""
            self.add(place, f"{text}: {first}{more}")

    def __bool__(self) -> bool:
        return bool(self.lines)
