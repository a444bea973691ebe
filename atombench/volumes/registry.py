"""The registry of datasets: `config/datasets.yaml`, checked against the rows' schema."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from atombench.errors import ConfigError, unknown_name
from atombench.paths import DATASETS
from atombench.schema import read_yaml, validated


class Row(BaseModel):
    """What every dataset states about itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str
    modality: str
    licence: str
    cite: str
    note: str = ""


class SplitShares(BaseModel):
    """Shares of the groups that go to validation and test; the rest trains. Drawn by a keyed stream."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    val: float = Field(gt=0, lt=1)
    test: float = Field(gt=0, lt=1)

    @model_validator(mode="after")
    def _something_is_left_to_train_on(self) -> SplitShares:
        if self.val + self.test >= 1:
            msg = f"val and test must leave something to train on, got {self.val} + {self.test}"
            raise ValueError(msg)
        return self


class MedMnistRow(Row):
    """A 3D set of MedMNIST v2; address, checksum and sizes come from the medmnist package."""

    kind: Literal["medmnist"]
    flag: str
    size: Literal[28, 64] = 28


class NiftiFolderRow(Row):
    """A folder of NIfTI files beside a table with one line per subject."""

    kind: Literal["nifti-folder"]
    folder: str
    images: str = Field(pattern=r"^[^{}]*\{subject\}[^{}]*$", description="path of an image in the folder, with {subject}")
    table: str
    subject_column: str = "subject"
    label_column: str | None = None
    checksums: str = Field(description="file inside the folder that lists SHA-256 sums")
    checksums_sha256: str
    percentiles: tuple[Annotated[float, Field(ge=0)], Annotated[float, Field(le=100)]] = (0.0, 100.0)
    same_subject: dict[str, str] = {}
    shares: SplitShares

    @model_validator(mode="after")
    def _percentiles_rise(self) -> NiftiFolderRow:
        if self.percentiles[0] >= self.percentiles[1]:
            msg = f"percentiles must rise, got {self.percentiles}"
            raise ValueError(msg)
        return self


class MniSubjectsRow(Row):
    """Synthetic subjects grown from the template inside the nilearn wheel; nothing is downloaded."""

    kind: Literal["mni-subjects"]
    template: str
    template_sha256: str
    train: int = Field(ge=1)
    val: int = Field(ge=1)
    test: int = Field(ge=1)


DatasetRow = Annotated[MedMnistRow | NiftiFolderRow | MniSubjectsRow, Field(discriminator="kind")]
_ROWS: TypeAdapter[dict[str, DatasetRow]] = TypeAdapter(dict[str, DatasetRow])


def read_registry(path: Path = DATASETS) -> dict[str, DatasetRow]:
    """Read and check all rows.

    Raises:
        ConfigError: the file is missing or a row is not valid.
    """
    return validated(_ROWS, read_yaml(path), str(path))


def find_row(name: str, path: Path = DATASETS) -> DatasetRow:
    """Row of one dataset.

    Raises:
        ConfigError: there is no such row; the nearest name is suggested.
    """
    rows = read_registry(path)
    if name not in rows:
        raise ConfigError(unknown_name("dataset", name, rows))
    return rows[name]
