"""Problems of a submission, collected so that all of them can be told at once."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field

SHOWN = 5  # rows named of one kind of problem
LONGEST = 300


@dataclass
class Problems:
    """What is wrong, and where.

    Attributes:
        lines: each names a file, where it can a row, and what was expected.
    """

    lines: list[str] = field(default_factory=list)

    def add(self, place: str, text: str) -> None:
        """Note a problem; what came from a file is shortened, and shown without control characters."""
        line = f"{printable(place)}: {printable(text)}"
        if line not in self.lines:
            self.lines.append(line)

    def add_rows(self, place: str, text: str, rows: Iterable[object]) -> None:
        """Note a problem of many rows; the first few are named."""
        found = list(rows)
        if found:
            named = ", ".join(str(row) for row in found[:SHOWN])
            more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
            self.add(place, f"{text}: {named}{more}")

    def __bool__(self) -> bool:
        return bool(self.lines)


def printable(text: str) -> str:
    """The text on one line, shortened, and without anything that steers a terminal or the direction of writing."""
    clean = "".join(c if unicodedata.category(c)[0] != "C" else " " if c.isspace() else "?" for c in text[: 4 * LONGEST])
    clean = " ".join(clean.split())
    return clean if len(clean) <= LONGEST else clean[: LONGEST - 1] + "…"
