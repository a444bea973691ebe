"""Collect the problems of a submission, so that all of them are reported together."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field

SHOWN = 5  # rows listed per problem
LONGEST = 300


@dataclass
class Problems:
    """Problems of a submission.

    Attributes:
        lines: one per problem: the file, the row if known, and what was expected.
    """

    lines: list[str] = field(default_factory=list)

    def add(self, place: str, text: str) -> None:
        """Add a problem; text from files is shortened and control characters are removed."""
        line = f"{printable(place)}: {printable(text)}"
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


def printable(text: str) -> str:
    """Return a text on one line, shortened, without control characters of terminals or of text direction."""
    clean = "".join(c if unicodedata.category(c)[0] != "C" else " " if c.isspace() else "?" for c in text[: 4 * LONGEST])
    clean = " ".join(clean.split())
    return clean if len(clean) <= LONGEST else clean[: LONGEST - 1] + "…"
