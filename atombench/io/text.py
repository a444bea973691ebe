"""Text of unknown origin (messages of exceptions, names in files) for terminals, logs and pages."""

from __future__ import annotations

import unicodedata

LONGEST = 300


def one_line(text: str, longest: int = LONGEST) -> str:
    """Return a text on one line, shortened, without control characters of terminals or of text direction.

    >>> one_line("bad" + chr(27) + "[2J news" + chr(0x202E))
    'bad?[2J news?'
    """
    clean = "".join(c if unicodedata.category(c)[0] != "C" else " " if c.isspace() else "?" for c in text[: 4 * longest])
    clean = " ".join(clean.split())
    return clean if len(clean) <= longest else clean[: longest - 1] + "…"
