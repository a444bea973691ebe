"""Patterns of file names: `{subject}` and `{session}` stand for one part of a name, `*` for anything within a folder."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path


def find_files(pattern: str, folder: Path) -> list[str]:
    """Names of the files in the folder that fit, relative to it."""
    wanted = pattern.replace("{subject}", "*").replace("{session}", "*")
    found = (path.relative_to(folder).as_posix() for path in folder.glob(wanted) if path.is_file())
    return sorted(name for name in found if key_of_name(pattern, name))


def key_of_name(pattern: str, name: str) -> tuple[str, str] | None:
    """Subject and session that a name stands for; None if it does not fit. The session is empty where there is none."""
    found = _regular(pattern).fullmatch(name)
    return (found["subject"], found.groupdict().get("session") or "") if found else None


@cache
def _regular(pattern: str) -> re.Pattern[str]:
    """Regular expression of a pattern; a placeholder that comes again must stand for the same text."""
    text, seen = "", set()
    for part in re.split(r"(\{subject\}|\{session\}|\*)", pattern):
        name = part[1:-1]
        if part == "*":
            text += "[^/]*"
        elif part in ("{subject}", "{session}"):
            text += f"(?P={name})" if name in seen else f"(?P<{name}>[^/]+?)"
            seen.add(name)
        else:
            text += re.escape(part)
    return re.compile(text)
