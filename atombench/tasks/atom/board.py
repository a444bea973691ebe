"""Names of the boards of `atom`: gathering, split rule and scale, such as `hard-none-x1`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import product
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from atombench.errors import ConfigError, unknown_name
from atombench.records.board import Board
from atombench.tasks.atom.geometry import BlockGrid
from atombench.tasks.atom.secret import SUFFIX, is_secret
from atombench.tasks.task import Block, each_once

PUBLIC_GATHERINGS = ("hard", "easy", "uniform")
GATHERINGS = (*PUBLIC_GATHERINGS, *(f"{name}{SUFFIX}" for name in PUBLIC_GATHERINGS))
SPLIT_RULES = ("none", "pos", "vol")
NAME = re.compile(rf"(?P<gathering>[a-z-]+)-(?P<split>{'|'.join(SPLIT_RULES)})-x(?P<scale>[1-9])")


@dataclass(frozen=True)
class AtomBoard:
    """Gathering, split rule and scale of a board."""

    gathering: str
    split: str
    scale: int

    @staticmethod
    def of(board: Board) -> AtomBoard:
        """Read the name of a board.

        Raises:
            ConfigError: the name does not have the form GATHERING-SPLIT-xSCALE.
        """
        match = NAME.fullmatch(board.name)
        if match is None:
            msg = f"expected a board of atom such as hard-none-x1 (GATHERING-SPLIT-xSCALE), got {board.name[:80]!r}"
            raise ConfigError(msg)
        return AtomBoard(match["gathering"], match["split"], int(match["scale"]))

    @property
    def name(self) -> str:
        """Name of the board."""
        return f"{self.gathering}-{self.split}-x{self.scale}"

    @property
    def grid(self) -> BlockGrid:
        """Blocks and section size at this scale."""
        return BlockGrid(self.scale)

    @property
    def secret(self) -> bool:
        """Whether test poses are drawn with a maintainer's key."""
        return is_secret(self.gathering)

    @property
    def title(self) -> str:
        """Title for display; scale 1 and split none are omitted."""
        parts = [self.gathering]
        parts += [f"split {self.split}"] if self.split != "none" else []
        parts += [f"scale {self.scale}"] if self.scale != 1 else []
        return ", ".join(parts)


def _known(what: str, valid: tuple[str, ...]) -> AfterValidator:
    """Return a validator that rejects unknown and repeated names."""

    def check(names: list[str]) -> list[str]:
        for name in names:
            if name not in valid:
                raise ValueError(unknown_name(what, name, valid))
        return each_once(names)

    return AfterValidator(check)


class AtomBlock(Block):
    """Boards of a run: datasets x gatherings x splits x scales."""

    task: Literal["atom"] = "atom"
    gatherings: Annotated[list[str], _known("gathering", GATHERINGS)] = Field(min_length=1, description="hard, easy, uniform")
    splits: Annotated[list[str], _known("split rule", SPLIT_RULES)] = Field(default=["none"], min_length=1)
    scales: Annotated[list[Literal[1, 2, 3]], AfterValidator(each_once)] = Field(default=[1], min_length=1)

    def names(self) -> list[str]:
        """Return the names of the boards of each dataset."""
        return [AtomBoard(*parts).name for parts in product(self.gatherings, self.splits, self.scales)]
