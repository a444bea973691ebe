"""A run: board x method x seed, and the condition under which it answered."""

from __future__ import annotations

import re

from pydantic import field_validator

from atombench.errors import DataError
from atombench.io.schema import FrozenModel
from atombench.records.board import CLEAN, Board, Setting, quoted, unquoted

RESERVED = frozenset({"chance", "uniform-chance", "theory", "published"})
"""Names of rows that are not methods. No run may have one, so that the name of a method identifies its rows."""
KEY = re.compile(r"(?P<setting>.+)/(?P<method>[^/]+)/seed(?P<seed>-?[0-9]+)", re.DOTALL)


class Run(FrozenModel):
    """Identity of a run under one condition. A method is trained once and answers under each condition."""

    task: str
    dataset: str
    name: str
    method: str
    seed: int
    condition: str = CLEAN

    @field_validator("method")
    @classmethod
    def _not_reserved(cls, name: str) -> str:
        if re.split("[+@]", name)[0] in RESERVED:
            msg = f"the name {name!r} is reserved for rows that are not methods"
            raise ValueError(msg)
        return name

    @staticmethod
    def of(board: Board, method: str, seed: int, condition: str = CLEAN) -> Run:
        """Build a run of a board."""
        return Run(task=board.task, dataset=board.dataset, name=board.name, method=method, seed=seed, condition=condition)

    @staticmethod
    def of_key(key: str) -> Run:
        """Parse a `key`.

        Raises:
            DataError: the text is not of this form.
        """
        match = KEY.fullmatch(key)
        if match is None or match["setting"].count("/") != 3:
            msg = f"expected a run such as atom/DATASET/BOARD/clean/METHOD/seed1, got {key[:120]!r}"
            raise DataError(msg)
        setting = Setting.of_key(match["setting"])
        return Run.of(setting.board, unquoted(match["method"]), int(match["seed"]), setting.condition)

    @property
    def board(self) -> Board:
        """Board of the run."""
        return Board(self.task, self.dataset, self.name)

    @property
    def setting(self) -> Setting:
        """Board and condition, within which the record is ranked."""
        return Setting(self.board, self.condition)

    @property
    def key(self) -> str:
        """Unique name within a results folder."""
        return f"{self.setting.key}/{quoted(self.method)}/seed{self.seed}"

    @property
    def order(self) -> tuple[str, str, str, str, str, int]:
        """Sort key of runs."""
        return (self.task, self.dataset, self.name, self.condition, self.method, self.seed)
