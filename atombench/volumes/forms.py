"""Forms: what curation makes of a dataset, named by a short text such as `cube20`.

A form is a small class with a name and a method `curate`. To add one, write the class and add a line to `KINDS`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Protocol

from atombench.errors import ConfigError
from atombench.volumes.curate import curate, zeroed
from atombench.volumes.curated import Curated
from atombench.volumes.raw_volume import Problem, RawVolume
from atombench.volumes.registry import DataRow


class Form(Protocol):
    """What curation makes of a dataset."""

    @property
    def name(self) -> str:
        """Return the text that `read_form` understands."""

    def curate(self, dataset: str, raw: Iterable[RawVolume | Problem], row: DataRow) -> Curated:
        """Check the source volumes of a dataset and bring them into this form.

        Args:
            dataset: name of the registry row.
            raw: the source volumes, and the problems that the reader found.
            row: the registry row.

        Raises:
            DataError: there is no volume or some cannot be used; the message lists every problem.
        """


@dataclass(frozen=True)
class CubeForm:
    """Volumes resampled to cubes.

    Attributes:
        edge: voxels along each axis, 2 or more.
        zeroed: whether background voxels are set to 0, so that the ripple of the resampling carries no information.
    """

    edge: int
    zeroed: bool = False

    def __post_init__(self) -> None:
        if self.edge < 2:
            msg = f"a cube needs an edge of 2 voxels or more, got {self.edge}"
            raise ConfigError(msg)

    @property
    def name(self) -> str:
        """Return the text that `read_form` understands, such as `cube20` or `cube20-zeroed`."""
        return f"cube{self.edge}" + ("-zeroed" if self.zeroed else "")

    def curate(self, dataset: str, raw: Iterable[RawVolume | Problem], row: DataRow) -> Curated:
        """Check all volumes and resample them to (edge, edge, edge) voxels.

        Raises:
            DataError: there is no volume or some cannot be used; the message lists every problem.
        """
        found = curate(dataset, raw, self.edge, row.mixed_shapes, row.restricted)
        if self.zeroed:
            contrasts = {name: zeroed(volumes) for name, volumes in found.contrasts.items()}
            found = replace(found, volumes=zeroed(found.volumes), contrasts=contrasts)
        return Curated.of(found, self.name)


@dataclass(frozen=True)
class FormKind:
    """A family of forms.

    Attributes:
        pattern: regular expression of the whole name.
        meaning: how the name is written and what it means, for messages.
        make: makes the form from a match of the pattern.
    """

    pattern: str
    meaning: str
    make: Callable[[re.Match[str]], Form]


KINDS = (
    FormKind(
        pattern=r"cube([1-9][0-9]{0,3})(-zeroed)?",
        meaning="cubeN, cubes of N voxels along each axis, such as cube20, or cubeN-zeroed, with a background of exactly 0",
        make=lambda match: CubeForm(int(match[1]), bool(match[2])),
    ),
)


def read_form(name: str) -> Form:
    """Return the form with this name.

    Raises:
        ConfigError: there is no such form; the message names the valid ones.

    >>> read_form("cube20")
    CubeForm(edge=20, zeroed=False)
    """
    for kind in KINDS:
        if match := re.fullmatch(kind.pattern, name):
            return kind.make(match)
    msg = f"unknown form {name!r} (valid: {'; '.join(kind.meaning for kind in KINDS)})"
    raise ConfigError(msg)
