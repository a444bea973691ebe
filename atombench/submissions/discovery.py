"""Find submissions in `leaderboard/submissions` with predictions for the boards of a run."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from atombench.engine.external import FILE
from atombench.io.paths import SUBMISSIONS
from atombench.io.text import one_line
from atombench.records.board import Board
from atombench.records.run import Run
from atombench.submissions.problems import Problems
from atombench.submissions.reserved import reserved
from atombench.submissions.schema import Submission
from atombench.submissions.validate import read_submission
from atombench.tasks.table import TASKS


@dataclass
class PickedUp:
    """Submissions found for the boards of a run.

    Attributes:
        files: prediction file of every run (board, submission and seed).
        left_out: folders that cannot be used, with the reason.
        state: digest of the file list and the problems of each submission, by name; scores depend on it.
    """

    files: dict[Run, Path] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    state: dict[str, str] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """Names of the submissions."""
        return sorted({run.method for run in self.files})

    def files_of(self, run: Run) -> list[str]:
        """Return the files that the score of a run depends on; a missing file is reported when the run is scored."""
        return [str(path) for path in (SUBMISSIONS / run.method / FILE, self.files[run]) if path.is_file()]


def pick_up(boards: Collection[Board], named: Collection[str] = (), root: Path | None = None) -> PickedUp:
    """Find submissions with predictions for some boards, without reading the predictions.

    Args:
        boards: boards of the run.
        named: methods listed in the configuration of the run.
        root: folder of the submissions; default: `leaderboard/submissions`.
    """
    picked = PickedUp()
    for folder in sorted(path for path in (root or SUBMISSIONS).glob("*") if path.is_dir()):
        problems = Problems()
        try:
            submission = read_submission(folder, problems)
        except Exception as error:  # a bad submission must not stop the run
            problems.add(folder.name, f"cannot be read ({type(error).__name__})")
            submission = None
        if submission is None or not _usable(submission, folder, named):
            if submission is None or submission.method is None:
                reason = "; ".join(problems.lines) or "the name is already used by a method of the run"
                picked.left_out.append(f"{one_line(str(folder))}: {reason}")
            continue
        picked.state[submission.name] = _state(folder, problems)
        for board in submission.boards:
            name = Board.read(board.board, submission.task)
            if name in boards:
                runs = {Run.of(name, submission.name, entry.seed): folder / entry.file for entry in board.predictions}
                picked.files.update(runs)
    return picked


def _usable(submission: Submission, folder: Path, named: Collection[str]) -> bool:
    """Return whether a submission can be scored: its task exists, its name matches its folder and is not in use."""
    free = submission.name not in {*reserved(), *named}
    return submission.task in TASKS and submission.name == folder.name and free


def _state(folder: Path, problems: Problems) -> str:
    files = {path.relative_to(folder): path.lstat() for path in folder.rglob("*") if path.is_file()}
    listed = sorted(f"{name} {status.st_size} {status.st_mtime_ns}" for name, status in files.items())
    return hashlib.sha256("\n".join([*listed, *problems.lines]).encode(errors="replace")).hexdigest()
