"""Boards, and settings: a board under one condition."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from atombench.errors import ConfigError, DataError

CLEAN = "clean"
PLAIN = r"[a-z0-9][a-z0-9._-]*"
BOARD = re.compile(rf"((?P<task>{PLAIN})/)?(?P<dataset>{PLAIN})/(?P<name>{PLAIN})")
LEVELLED = re.compile(r"(?P<family>.+)-(?P<level>\d+)")


@dataclass(frozen=True, order=True)
class Board:
    """A question of a task about one dataset; only the task interprets `name`.

    >>> Board.read("mni-subjects/hard-none-x1").key
    'atom/mni-subjects/hard-none-x1'
    """

    task: str
    dataset: str
    name: str

    @staticmethod
    def read(text: str, task: str = "atom") -> Board:
        """Read TASK/DATASET/NAME, or DATASET/NAME of the given task.

        Raises:
            ConfigError: the text is not of this form.
        """
        match = BOARD.fullmatch(text)
        if match is None:
            msg = f"expected a board such as atom/mni-subjects/uniform-none-x1, got {text[:80]!r}"
            raise ConfigError(msg)
        return Board(match["task"] or task, match["dataset"], match["name"])

    @property
    def key(self) -> str:
        """Unique name; a slash in a part is escaped as %2F."""
        return "/".join(quoted(part) for part in (self.task, self.dataset, self.name))

    @property
    def path(self) -> Path:
        """Folder below `results/`."""
        return Path(self.task, self.dataset, self.name)

    @property
    def slug(self) -> str:
        """Name as part of a file name."""
        return f"{self.task}-{self.dataset}-{self.name}"

    def __str__(self) -> str:
        return self.key


@dataclass(frozen=True, order=True)
class Setting:
    """A board under one condition; its methods are ranked together."""

    board: Board
    condition: str = CLEAN

    @staticmethod
    def of_key(key: str) -> Setting:
        """Parse a `key`.

        Raises:
            DataError: the text is not of this form.
        """
        parts = [unquoted(part) for part in key.split("/")]
        if len(parts) != 4 or not all(parts):
            msg = f"expected TASK/DATASET/BOARD/CONDITION, got {key[:120]!r}"
            raise DataError(msg)
        return Setting(Board(*parts[:3]), parts[3])

    @property
    def key(self) -> str:
        """Unique name."""
        return f"{self.board.key}/{quoted(self.condition)}"

    @property
    def degradation(self) -> str:
        """Name of the condition without its level."""
        match = LEVELLED.fullmatch(self.condition)
        return match["family"] if match else self.condition

    @property
    def severity(self) -> int:
        """Level of the condition; 0 if it has none."""
        match = LEVELLED.fullmatch(self.condition)
        return int(match["level"]) if match else 0


def quoted(part: object) -> str:
    """Return a name with slashes escaped, so that keys can be split at slashes."""
    return str(part).replace("%", "%25").replace("/", "%2F")


def unquoted(part: str) -> str:
    """Return the name that `quoted` escaped."""
    return part.replace("%2F", "/").replace("%25", "%")
