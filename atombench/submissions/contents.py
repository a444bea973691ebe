"""List the files of a submission folder without following links or opening files."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from atombench.engine.external import FILE
from atombench.submissions.problems import Problems

MOST_FILES = 2000
LARGEST_TEXT = 1 << 20  # bytes of a file that does not hold predictions
TEXTS = (".md", ".py", ".yaml", ".txt", ".toml", ".json")
NAMES = ("LICENSE", "LICENCE")
IGNORED = ("__pycache__", ".pytest_cache")


def list_folder(folder: Path, problems: Problems) -> dict[str, os.stat_result]:
    """Return the regular files in a folder, recursively, by relative path; links and special files are reported as problems."""
    files: dict[str, os.stat_result] = {}
    waiting = [folder]
    seen = 0
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                seen += 1
                if seen > MOST_FILES:
                    problems.add(str(folder.name), f"holds more than {MOST_FILES} files and folders")
                    return files
                path = os.path.relpath(entry.path, folder)
                status = entry.stat(follow_symlinks=False)
                if stat.S_ISLNK(status.st_mode):
                    problems.add(path, "is a link; a submission must contain the files themselves")
                elif stat.S_ISDIR(status.st_mode):
                    waiting += [Path(entry.path)] if entry.name not in IGNORED else []
                elif stat.S_ISREG(status.st_mode):
                    files[path] = status
                else:
                    problems.add(path, "is neither a file nor a folder")
    return files


def check_kinds(files: dict[str, os.stat_result], named: set[str], problems: Problems) -> None:
    """Report files that are neither prediction files or weights named in the submission nor short text files."""
    for name, status in sorted(files.items()):
        if name in named or name == FILE:
            continue
        path = Path(name)
        if path.suffix not in TEXTS and path.name not in NAMES:
            problems.add(name, f"is not named in {FILE}; other files must have one of the suffixes {', '.join(TEXTS)}")
        elif status.st_size > LARGEST_TEXT:
            problems.add(name, f"has {status.st_size} bytes; expected at most {LARGEST_TEXT}")
