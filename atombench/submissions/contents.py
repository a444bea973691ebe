"""What lies in a submission's folder, looked at without following links or opening anything."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from atombench.engine.external import FILE
from atombench.submissions.problems import Problems

MOST_FILES = 2000
LARGEST_TEXT = 1 << 20  # bytes of a file that is not of predictions
TEXTS = (".md", ".py", ".yaml", ".txt", ".toml", ".json")
NAMES = ("LICENSE", "LICENCE")
IGNORED = ("__pycache__", ".pytest_cache")


def list_folder(folder: Path, problems: Problems) -> dict[str, os.stat_result]:
    """Regular files below a folder by path; links, devices and files of unexpected kinds are problems."""
    found: dict[str, os.stat_result] = {}
    waiting = [folder]
    seen = 0
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                seen += 1
                if seen > MOST_FILES:
                    problems.add(str(folder.name), f"holds more than {MOST_FILES} files and folders")
                    return found
                place = os.path.relpath(entry.path, folder)
                about = entry.stat(follow_symlinks=False)
                if stat.S_ISLNK(about.st_mode):
                    problems.add(place, "is a link; a submission holds its files itself")
                elif stat.S_ISDIR(about.st_mode):
                    waiting += [Path(entry.path)] if entry.name not in IGNORED else []
                elif stat.S_ISREG(about.st_mode):
                    found[place] = about
                else:
                    problems.add(place, "is neither a file nor a folder")
    return found


def check_kinds(files: dict[str, os.stat_result], answers: set[str], problems: Problems) -> None:
    """Refuse files that are neither named predictions nor short texts."""
    for place, about in sorted(files.items()):
        if place in answers or place == FILE:
            continue
        path = Path(place)
        if path.suffix not in TEXTS and path.name not in NAMES:
            problems.add(place, f"is not named in {FILE}; besides predictions a submission holds {', '.join(TEXTS)} files only")
        elif about.st_size > LARGEST_TEXT:
            problems.add(place, f"has {about.st_size} bytes; expected at most {LARGEST_TEXT}")
