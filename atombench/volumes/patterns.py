"""Patterns of file names: `{subject}` and `{session}` match part of a name, `*` matches any text without a slash."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

PLACEHOLDER = re.compile(r"(\{subject\}|\{session\}|\*)")


def find_files(pattern: str, folder: Path) -> list[str]:
    """Return the names, relative to the folder, of the files that match."""
    return sorted(path.relative_to(folder).as_posix() for path in fitting(pattern, folder) if path.is_file())


def fitting(pattern: str, folder: Path) -> Iterator[Path]:
    """Yield the files and folders below a folder that match a pattern."""
    parts = ("*" if PLACEHOLDER.fullmatch(part) else glob.escape(part) for part in PLACEHOLDER.split(pattern))
    for path in folder.glob(re.sub(r"\*+", "*", "".join(parts))):
        if key_of_name(pattern, path.relative_to(folder).as_posix()):
            yield path


@cache
def key_of_name(pattern: str, name: str) -> tuple[str, str] | None:
    """Return subject and session in a name, or None if it does not match; the session is empty where there is none."""
    match = _regular(pattern).fullmatch(name)
    found = match.groupdict() if match else {}
    return (found["subject"], found.get("session") or "") if "subject" in found else None


@cache
def _regular(pattern: str) -> re.Pattern[str]:
    """Return the regular expression of a pattern; a repeated placeholder must match the same text."""
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
