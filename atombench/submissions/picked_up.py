"""Submissions that lie in `leaderboard/submissions` and have predictions for the boards of a run."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from atombench.evaluation.record import Unit
from atombench.methods.external import FILE
from atombench.paths import SUBMISSIONS
from atombench.submissions.boards import BoardName
from atombench.submissions.problems import Problems
from atombench.submissions.validate import read_submission

Place = tuple[str, str, str, int]


@dataclass
class PickedUp:
    """What was found.

    Attributes:
        files: predictions file of every unit (a board, a submission and a seed).
        left_out: folders that cannot be used at all, with the reason.
    """

    files: dict[Unit, Path] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        """Names of the submissions."""
        return sorted({unit.method for unit in self.files})

    def files_of(self, unit: Unit) -> list[str]:
        """What the score of a unit depends on; a file that is missing is told when it is scored."""
        predictions = self.files[unit]
        return [str(path) for path in (SUBMISSIONS / unit.method / FILE, predictions) if path.is_file()]


def pick_up(places: Collection[Place], root: Path = SUBMISSIONS) -> PickedUp:
    """Look for submissions with predictions for boards (dataset, gathering, split, scale); no predictions are read."""
    found = PickedUp()
    for folder in sorted(path for path in root.glob("*") if path.is_dir()):
        problems = Problems()
        submission = read_submission(folder, problems)
        if submission is None or submission.name != folder.name:
            found.left_out.append(f"{folder}: {'; '.join(problems.lines)}")
            continue
        for board in submission.boards:
            name = BoardName.read(board.board)
            if (name.dataset, name.gathering, name.split, name.scale) not in places:
                continue
            for entry in board.predictions:
                unit = Unit(**vars(name), method=submission.name, seed=entry.seed)
                found.files[unit] = folder / entry.file
    return found
