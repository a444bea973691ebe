"""The log of submissions scored on secret boards: `leaderboard/secret-board-log.csv`.

A line is added for every scoring, confirmed or not. Scores are rounded to the width of their interval, so that repeated
submissions learn little about the secret labels.
"""

from __future__ import annotations

import csv
import unicodedata
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

from pydantic import Field, TypeAdapter

from atombench.errors import DataError
from atombench.io.files import written_whole
from atombench.io.schema import FrozenModel, validated

Confirmed = tuple[str, str, int, str]
"""Submission, board, seed and SHA-256 of the answers."""
QUOTA, QUOTA_DAYS = 5, 30  # scorings of a team in any period of so many days


class Confirmation(FrozenModel):
    """One scoring of a submission on a secret board.

    Attributes:
        scoring: running number of the comparison, which may have several lines.
        date: of the scoring.
        team, submission: as stated in its `submission.yaml`.
        board: public board whose row is confirmed.
        secret: the secret board.
        seed: seed of the answers.
        predictions: SHA-256 of the file with the answers to the public board.
        value: primary score on the secret board, rounded to the width of its 95 % interval.
        width: that width.
        confirmed: whether the public score is no better than the secret one allows.
    """

    scoring: int = Field(ge=1)
    date: date
    team: str = Field(min_length=1)
    submission: str
    board: str
    secret: str
    seed: int
    predictions: str = Field(pattern="^[0-9a-f]{64}$")
    value: float
    width: float
    confirmed: bool


_LINES: TypeAdapter[list[Confirmation]] = TypeAdapter(list[Confirmation])
COLUMNS = tuple(Confirmation.model_fields)


def read_log(path: Path) -> list[Confirmation]:
    """Read the log; empty if there is none.

    Raises:
        ConfigError: a line is not valid.
    """
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as stream:
        return validated(_LINES, list(csv.DictReader(stream)), str(path))


def append(path: Path, lines: Sequence[Confirmation]) -> None:
    """Add lines to the log."""
    every = [*read_log(path), *lines]
    with written_whole(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(line.model_dump(mode="json") for line in every)


def check_quota(log: Sequence[Confirmation], team: str, today: date) -> None:
    """Check that a team may score again. Names are compared without case, accents and punctuation.

    Raises:
        DataError: the team has used its quota.
    """
    since = today - timedelta(days=QUOTA_DAYS)
    mine = {(line.date, line.scoring) for line in log if _plain(line.team) == _plain(team) and line.date > since}
    if len(mine) >= QUOTA:
        again = min(day for day, _ in mine) + timedelta(days=QUOTA_DAYS)
        msg = f"the team {team!r} has scored {len(mine)} submissions on secret boards in {QUOTA_DAYS} days; again on {again}"
        raise DataError(msg)


def _plain(name: str) -> str:
    """Return the letters and digits of a name, without case and accents."""
    return "".join(c for c in unicodedata.normalize("NFKD", name).casefold() if c.isalnum())


def confirmed_answers(log: Sequence[Confirmation]) -> frozenset[Confirmed]:
    """Return the answers whose scores are confirmed."""
    return frozenset((line.submission, line.board, line.seed, line.predictions) for line in log if line.confirmed)
