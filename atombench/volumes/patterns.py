"""Patterns of file names: `{subject}` and `{session}` stand for one part of a name, `*` for anything within a folder."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

PLACEHOLDER = re.compile(r"(\{subject\}|\{session\}|\*)")


def find_files(pattern: str, folder: Path) -> list[str]:
    """Names of the files in the folder that fit, relative to it."""
    return sorted(path.relative_to(folder).as_posix() for path in fitting(pattern, folder) if path.is_file())


def fitting(pattern: str, folder: Path) -> Iterator[Path]:
    """Files and folders below a folder that fit a pattern."""
    parts = ("*" if PLACEHOLDER.fullmatch(part) else glob.escape(part) for part in PLACEHOLDER.split(pattern))
    for path in folder.glob(re.sub(r"\*+", "*", "".join(parts))):
        if key_of_name(pattern, path.relative_to(folder).as_posix()):
            yield path


@cache
def key_of_name(pattern: str, name: str) -> tuple[str, str] | None:
    """Subject and session that a name stands for; None if it does not fit. The session is empty where there is none."""
    found = _regular(pattern).fullmatch(name)
    return (found["subject"], found.groupdict().get("session") or "") if found else None


@cache
def _regular(pattern: str) -> re.Pattern[str]:
    """Regular expression of a pattern; a placeholder that comes again must stand for the same text."""
    text, seen = "", set()
    for part in PLACEHOLDER.split(pattern):
        name = part[1:-1]
        if part == "*":
            text += "[^/]*"
        elif PLACEHOLDER.fullmatch(part):
            text += f"(?P={name})" if name in seen else f"(?P<{name}>[^/]+?)"
            seen.add(name)
        else:
            text += re.escape(part)
    return re.compile(text)
