"""Index of a curated dataset: everything except the voxels."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from atombench.errors import DataError
from atombench.io.files import write_json
from atombench.io.schema import read_model

Split = Literal["train", "val", "test"]
Shape = tuple[int, int, int]
Vector = tuple[float, float, float]
MatrixRow = tuple[float, float, float, float]
Matrix = tuple[MatrixRow, MatrixRow, MatrixRow, MatrixRow]


class Index(BaseModel):
    """Names, groups, labels, splits and geometry of N curated volumes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dataset: str
    form: str = Field(description="form of the volumes, such as cube20; empty for volumes made in memory")
    digest: str = Field(description="SHA-256 of the volume set")
    shapes: tuple[Shape, ...] = Field(description="voxels of each volume along its three axes")
    ids: tuple[str, ...]
    groups: tuple[str, ...]
    labels: tuple[str, ...]
    splits: tuple[Split, ...]
    spacing: tuple[Vector | None, ...] = Field(description="mm per voxel along the three axes; null where unknown")
    affines: tuple[Matrix | None, ...] = Field(description="voxel to world mm (RAS), 4 x 4; null where unknown")
    facts: dict[str, tuple[str, ...]]
    contrasts: tuple[str, ...] = Field(default=(), description="names of the other contrasts of the same volumes")

    @model_validator(mode="after")
    def _each_volume_has_every_entry(self) -> Index:
        lengths = {name: len(getattr(self, name)) for name in ("shapes", "groups", "labels", "splits", "spacing", "affines")}
        lengths |= {f"facts.{name}": len(values) for name, values in self.facts.items()}
        if wrong := [f"{name} has {length}" for name, length in lengths.items() if length != len(self.ids)]:
            msg = f"expected {len(self.ids)} entries, one per id, but {', '.join(wrong)}"
            raise ValueError(msg)
        if repeated := [name for name, count in Counter(self.ids).items() if count > 1]:
            msg = f"ids must be unique, but these are repeated: {', '.join(repeated[:5])}"
            raise ValueError(msg)
        return self

    @property
    def shape(self) -> Shape:
        """Voxels of every volume along its three axes.

        Raises:
            DataError: the volumes differ in shape, or there is none.
        """
        if len(shapes := set(self.shapes)) != 1:
            msg = f"{self.dataset} in form {self.form!r} has volumes of {len(shapes)} shapes, expected one shape"
            raise DataError(msg)
        return self.shapes[0]

    @property
    def spacing_mm(self) -> NDArray[np.float64]:
        """Mm per voxel along each axis, (N, 3); NaN where unknown."""
        unknown = (np.nan,) * 3
        return np.array([unknown if lengths is None else lengths for lengths in self.spacing], dtype=np.float64).reshape(-1, 3)

    def rows(self, split: str) -> NDArray[np.int64]:
        """Return the indices of the volumes of one official split."""
        return np.flatnonzero(np.array(self.splits) == split)

    def save(self, path: Path) -> None:
        """Write as JSON; the same content gives the same bytes.

        Raises:
            DataError: the file cannot be written.
        """
        write_json(path, self.model_dump(mode="json"))

    @classmethod
    def load(cls, path: Path) -> Index:
        """Read what `save` wrote.

        Raises:
            DataError: the file is missing or damaged, or its fields do not fit together.
        """
        return read_model(_INDEX, path)


_INDEX = TypeAdapter(Index)
