"""Submissions that lie in `leaderboard/submissions` and have predictions for the boards of a run."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from atombench.engine.external import FILE
from atombench.io.paths import SUBMISSIONS
from atombench.records.record import Unit
from atombench.submissions.boards import BoardName
from atombench.submissions.problems import Problems, printable
from atombench.submissions.validate import TAKEN, read_submission

Place = tuple[str, str, str, int]


@dataclass
class PickedUp:
    """What was found.

    Attributes:
        files: predictions file of every unit (a board, a submission and a seed).
        left_out: folders that cannot be used at all, with the reason.
        state: digest of what lies in each folder and of its problems; a score depends on it as well.
    """

    files: dict[Unit, Path] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    state: dict[str, str] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """Names of the submissions."""
        return sorted({unit.method for unit in self.files})

    def files_of(self, unit: Unit) -> list[str]:
        """What the score of a unit depends on; a file that is missing is told when it is scored."""
        predictions = self.files[unit]
        return [str(path) for path in (SUBMISSIONS / unit.method / FILE, predictions) if path.is_file()]


def pick_up(places: Collection[Place], named: Collection[str] = (), root: Path = SUBMISSIONS) -> PickedUp:
    """Look for submissions with predictions for boards; no predictions are read.

    Args:
        places: dataset, gathering, split and scale of the boards.
        named: methods that the run names itself.
        root: folder of the submissions.
    """
    found = PickedUp()
    for folder in sorted(path for path in root.glob("*") if path.is_dir()):
        problems = Problems()
        try:
            submission = read_submission(folder, problems)
        except Exception as error:  # a stranger's folder must not stop the run
            problems.add(folder.name, f"cannot be read ({type(error).__name__})")
            submission = None
        if submission is None or submission.name != folder.name or submission.name in {*TAKEN, *named}:
            if submission is None or submission.method is None:
                told = "; ".join(problems.lines) or "the run names a method of this name itself"
                found.left_out.append(f"{printable(str(folder))}: {told}")
            continue
        found.state[submission.name] = _state(folder, problems)
        for board in submission.boards:
            name = BoardName.read(board.board)
            if (name.dataset, name.gathering, name.split, name.scale) not in places:
                continue
            for entry in board.predictions:
                unit = Unit(**vars(name), method=submission.name, seed=entry.seed)
                found.files[unit] = folder / entry.file
    return found


def _state(folder: Path, problems: Problems) -> str:
    about = {path.relative_to(folder): path.lstat() for path in folder.rglob("*") if path.is_file()}
    listed = sorted(f"{name} {one.st_size} {one.st_mtime_ns}" for name, one in about.items())
    return hashlib.sha256("\n".join([*listed, *problems.lines]).encode(errors="replace")).hexdigest()
