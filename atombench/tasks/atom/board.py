"""Names of the boards of `atom`: gathering, split rule, scale and context, such as `hard-none-x1` or `tissue-none-x2-c2`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import product
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from atombench.errors import ConfigError, unknown_name
from atombench.records.board import Board
from atombench.tasks.atom.geometry import BlockGrid
from atombench.tasks.atom.secret import SUFFIX, is_secret, public_gathering
from atombench.tasks.task import Block, each_once

OLD_UNIFORM = "uniform-v1"  # the `uniform` of protocol 1.0
PUBLIC_GATHERINGS = ("tissue", "uniform", "hard", "easy", OLD_UNIFORM)
GATHERINGS = (*PUBLIC_GATHERINGS, *(f"{name}{SUFFIX}" for name in PUBLIC_GATHERINGS))
SPLIT_RULES = ("none", "pos", "vol")
INDEPENDENT = ("tissue", "uniform")
"""Gatherings in which every volume and part has positions of its own, so that no split rule can share them."""
NAME = re.compile(
    rf"(?P<gathering>[a-z][a-z0-9-]*)-(?P<split>{'|'.join(SPLIT_RULES)})-x(?P<scale>[1-9])(?:-c(?P<context>[2-9]))?"
)


@dataclass(frozen=True)
class AtomBoard:
    """Gathering, split rule, scale and context of a board."""

    gathering: str
    split: str
    scale: int
    context: int = 1

    @staticmethod
    def of(board: Board) -> AtomBoard:
        """Read the name of a board.

        Raises:
            ConfigError: the name does not have the form GATHERING-SPLIT-xSCALE or GATHERING-SPLIT-xSCALE-cCONTEXT.
        """
        match = NAME.fullmatch(board.name)
        if match is None:
            msg = f"expected a board of atom such as hard-none-x1 (GATHERING-SPLIT-xSCALE[-cCONTEXT]), got {board.name[:80]!r}"
            raise ConfigError(msg)
        return AtomBoard(match["gathering"], match["split"], int(match["scale"]), int(match["context"] or 1))

    @property
    def name(self) -> str:
        """Name of the board."""
        return f"{self.gathering}-{self.split}-x{self.scale}" + (f"-c{self.context}" if self.context != 1 else "")

    @property
    def grid(self) -> BlockGrid:
        """Blocks and section size at this scale."""
        return BlockGrid(self.scale, self.context)

    @property
    def form(self) -> str:
        """Curated form of the volumes; sections that show tissue are cut from volumes with a background of exactly 0."""
        return f"cube{self.grid.edge}" + ("-zeroed" if public_gathering(self.gathering) == "tissue" else "")

    @property
    def secret(self) -> bool:
        """Whether test poses are drawn with a maintainer's key."""
        return is_secret(self.gathering)

    @property
    def title(self) -> str:
        """Title for display; scale 1, context 1 and split none are omitted."""
        parts = [self.gathering]
        parts += [f"split {self.split}"] if self.split != "none" else []
        parts += [f"scale {self.scale}"] if self.scale != 1 else []
        parts += [f"context {self.context}"] if self.context != 1 else []
        return ", ".join(parts)


def check_split(gathering: str, split: str) -> None:
    """Check that a gathering can be split by a rule.

    Raises:
        ConfigError: the rule shares positions, and the gathering draws them independently.
    """
    if split == "pos" and public_gathering(gathering) in INDEPENDENT:
        msg = f"{gathering} has no split pos: its positions are drawn independently for every volume; use none or vol"
        raise ConfigError(msg)


def _known(what: str, valid: tuple[str, ...]) -> AfterValidator:
    """Return a validator that rejects unknown and repeated names."""

    def check(names: list[str]) -> list[str]:
        for name in names:
            if name not in valid:
                raise ValueError(unknown_name(what, name, valid))
        return each_once(names)

    return AfterValidator(check)


class AtomBlock(Block):
    """Boards of a run: datasets x gatherings x splits x scales x contexts."""

    task: Literal["atom"] = "atom"
    gatherings: Annotated[list[str], _known("gathering", GATHERINGS)] = Field(
        min_length=1, description=", ".join(PUBLIC_GATHERINGS)
    )
    splits: Annotated[list[str], _known("split rule", SPLIT_RULES)] = Field(default=["none"], min_length=1)
    scales: Annotated[list[Literal[1, 2, 3]], AfterValidator(each_once)] = Field(default=[1], min_length=1)
    contexts: Annotated[list[Literal[1, 2]], AfterValidator(each_once)] = Field(
        default=[1], min_length=1, description="edge of the shown section, as a multiple of the located one"
    )

    @model_validator(mode="after")
    def _splits_exist(self) -> AtomBlock:
        try:
            for gathering, split in product(self.gatherings, self.splits):
                check_split(gathering, split)
        except ConfigError as error:
            raise ValueError(str(error)) from None
        return self

    def names(self) -> list[str]:
        """Return the names of the boards of each dataset."""
        return [AtomBoard(*parts).name for parts in product(self.gatherings, self.splits, self.scales, self.contexts)]
