"""The registry of datasets: `config/datasets.yaml` and `config/datasets-local.yaml`, checked against the schema of rows."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, FiniteFloat, TypeAdapter, field_validator, model_validator

from atombench.errors import ConfigError, unknown_name
from atombench.io.paths import DATASETS, shipped
from atombench.io.schema import FrozenModel, read_yaml, validated


class Row(FrozenModel):
    """Description of a dataset; none of these fields changes the volumes."""

    title: str
    modality: str
    licence: str
    cite: str
    note: str = ""
    restricted: bool = Field(
        default=False, description="neither pictures nor names of subjects and files may appear on a page or in a record"
    )


class DataRow(Row):
    """Fields of every dataset that the steps need."""

    released_sampler: Literal["medmnist", "adni"] = Field(
        default="medmnist", description="which of the released code's two generators draws hard and easy positions"
    )
    mixed_shapes: bool = Field(default=False, description="whether volumes of different shapes are accepted")

    @property
    def test_only(self) -> bool:
        """Whether all volumes are for testing, so that methods have to be trained on another dataset."""
        return False


class SplitShares(FrozenModel):
    """Shares of the subjects for validation and test; the others are for training. Drawn by a keyed stream."""

    val: float = Field(gt=0, lt=1)
    test: float = Field(gt=0, lt=1)

    @model_validator(mode="after")
    def _training_is_not_empty(self) -> SplitShares:
        if self.val + self.test >= 1:
            msg = f"val and test must leave subjects for training, got {self.val} + {self.test}"
            raise ValueError(msg)
        return self


class SplitCounts(FrozenModel):
    """Exact numbers of volumes, drawn at random with the given seed; no subject is in two splits."""

    train: int = Field(ge=1)
    val: int = Field(ge=1)
    test: int = Field(ge=1)
    seed: int


TestOnly = Literal["test"]
"""A split without training volumes: methods are trained on another dataset (`trained_on` in a run's configuration)."""


class Percentiles(FrozenModel):
    """Intensities between two percentiles of the volume are scaled to 0..1; values beyond are clipped."""

    percentiles: tuple[Annotated[float, Field(ge=0)], Annotated[float, Field(le=100)]]

    @model_validator(mode="after")
    def _they_rise(self) -> Percentiles:
        if self.percentiles[0] >= self.percentiles[1]:
            msg = f"percentiles must rise, got {self.percentiles}"
            raise ValueError(msg)
        return self


class Window(FrozenModel):
    """Intensities between two fixed values, such as Hounsfield units, are scaled to 0..1; values beyond are clipped."""

    window: tuple[FiniteFloat, FiniteFloat]

    @model_validator(mode="after")
    def _it_rises(self) -> Window:
        if not self.window[0] < self.window[1]:
            msg = f"window must rise, got {self.window}"
            raise ValueError(msg)
        return self


class MedMnistRow(DataRow):
    """A 3D set of MedMNIST v2; address, checksum and sizes come from the medmnist package."""

    kind: Literal["medmnist"]
    flag: str
    size: Literal[28, 64] = 28


class Fact(FrozenModel):
    """A column of the table by which results are broken down; numbers are grouped in bands."""

    column: str
    bands: tuple[FiniteFloat, ...] = Field(default=(), description="borders between bands, rising; none for text")

    @model_validator(mode="after")
    def _bands_rise(self) -> Fact:
        if list(self.bands) != sorted(set(self.bands)):
            msg = f"bands must rise, got {self.bands}"
            raise ValueError(msg)
        return self

    def of(self, cell: str) -> str:
        """Return the band of a cell of the table, or the cell itself where there are no bands."""
        if not self.bands:
            return cell or "unknown"
        try:
            number = float(cell)
        except ValueError:
            return "unknown"
        if not number >= self.bands[0]:
            return f"below {self.bands[0]:g}" if number < self.bands[0] else "unknown"
        above = sum(number >= border for border in self.bands)
        low = self.bands[above - 1]
        return f"{low:g} to {self.bands[above]:g}" if above < len(self.bands) else f"{low:g} and above"


class Archive(FrozenModel):
    """A published archive (zip, tar or tar.gz) with files of a collection."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="file name")]
    url: Annotated[str, Field(pattern=r"^https?://")]
    md5: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")] | None = None
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    top: str = Field(default="", description="folder in the archive that becomes the folder of the row")
    into: str = Field(default="", description="folder of the row that receives the files, if it has several archives")

    @model_validator(mode="after")
    def _fields_agree(self) -> Archive:
        if (self.md5 is None) == (self.sha256 is None):
            raise ValueError("an archive needs either md5 or sha256")
        for path in (self.top, self.into):
            if path.startswith("/") or ".." in path.split("/"):
                msg = f"expected a folder inside the archive, got {path!r}"
                raise ValueError(msg)
        return self

    @property
    def checksum(self) -> tuple[str, str]:
        """Algorithm and value."""
        return ("md5", self.md5) if self.md5 is not None else ("sha256", str(self.sha256))


class CollectionRow(DataRow):
    """A folder of images, with or without a table of them: a local one, or one unpacked from published archives."""

    folder: str = Field(description="searched in the folders named in ATOMBENCH_DATA_DIRS")
    archives: tuple[Archive, ...] = Field(default=(), description="downloaded and unpacked if there is no such folder")
    table: str | None = Field(default=None, description="CSV or TSV in the folder, one line per subject or session")
    subject_column: str = "subject"
    session_column: str | None = Field(default=None, description="set if the table has one line per session")
    label_column: str | None = None
    labels: tuple[str, ...] | None = Field(default=None, min_length=1, description="keep only lines with one of these labels")
    facts: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], Fact] = Field(
        default={}, description="columns by which results are broken down, such as {age: {column: age_years, bands: [30, 50]}}"
    )
    missing_images: Literal["refuse", "skip"] = Field(default="refuse", description="lines of the table without an image")
    unlisted_images: Literal["refuse", "skip"] = Field(default="refuse", description="images that the table does not name")
    same_subject: dict[str, str] = Field(default={}, description="subjects that are the same person: kept in one split")
    intensity: Percentiles | Window = Field(description="how intensities are scaled to 0..1")
    split: SplitShares | SplitCounts | TestOnly = Field(
        description="shares, numbers, or `test` if all volumes are for testing methods trained on another dataset"
    )
    checksums: str | None = Field(default=None, description="file in the folder that lists SHA-256 sums")
    checksums_sha256: str | None = Field(default=None, description="SHA-256 of that file")

    @property
    def test_only(self) -> bool:
        """Whether all volumes are for testing, so that methods have to be trained on another dataset."""
        return self.split == "test"

    @model_validator(mode="after")
    def _fields_agree(self) -> CollectionRow:
        for needed, by in (
            ("table", "label_column"),
            ("table", "session_column"),
            ("label_column", "labels"),
            ("table", "facts"),
        ):
            if getattr(self, by) not in (None, {}) and getattr(self, needed) is None:
                msg = f"{by} needs {needed}"
                raise ValueError(msg)
        if taken := sorted({"label", "depth", "facing", "background", "block"} & set(self.facts)):
            msg = f"facts may not be called {', '.join(taken)}; results are already broken down by these"
            raise ValueError(msg)
        for start in self.same_subject:
            name, seen = start, {start}
            while (name := self.same_subject.get(name, "")) and name not in seen:
                seen.add(name)
            if name:
                msg = f"same_subject goes round in a circle from {start!r}"
                raise ValueError(msg)
        if (self.checksums is None) != (self.checksums_sha256 is None):
            raise ValueError("checksums and checksums_sha256 go together")
        return self


class PatternRow(CollectionRow):
    """A collection whose images are found by a pattern."""

    images: str = Field(
        description="path in the folder, with {subject} and, if there is one, {session}; * matches any text without a slash",
    )

    @field_validator("images")
    @classmethod
    def _is_a_pattern(cls, images: str) -> str:
        names = re.findall(r"\{([^{}]*)\}", images)
        if "subject" not in names or set(names) - {"subject", "session"}:
            msg = f"expected a path with {{subject}}, perhaps {{session}}, got {images!r}"
            raise ValueError(msg)
        if not is_inside(images):
            msg = f"expected a path inside the folder, without . and .., got {images!r}"
            raise ValueError(msg)
        if re.search(r"[}*][{*]", images):
            msg = f"expected some text between the placeholders, got {images!r}"
            raise ValueError(msg)
        return images


def is_inside(path: str) -> bool:
    """Return whether a path has neither empty parts nor `.` and `..`, so that it stays inside a folder."""
    return not any(part in ("", ".", "..") for part in path.split("/"))


ROBEX = "robex"


class NiftiFolderRow(PatternRow):
    """A plain folder of NIfTI files."""

    kind: Literal["nifti-folder"]
    contrasts: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9]*$")], str] = Field(
        default={},
        description="images of the same subjects in other contrasts, on the same grid: paths with {subject} and {session}",
    )

    brain: str | None = Field(
        default=None,
        description="brain mask: a path with {subject} and {session}, or `robex` to find it; the image is cropped to it",
    )

    @model_validator(mode="after")
    def _are_paths(self) -> NiftiFolderRow:
        for path in (*self.contrasts.values(), *([self.brain] if self.brain else [])):
            if set(re.findall(r"\{([^{}]*)\}", path)) - {"subject", "session"} or "*" in path or not is_inside(path):
                msg = f"expected a path inside the folder, with {{subject}} and {{session}} but without *, got {path!r}"
                raise ValueError(msg)
        if self.contrasts and self.brain:
            raise ValueError("contrasts of extracted brains are not supported; extract them before")
        return self

    @property
    def further_images(self) -> tuple[str, ...]:
        """Paths of the other contrasts and of the brain masks."""
        return (*self.contrasts.values(), *([self.brain_mask] if self.brain_mask else []))

    @property
    def brain_mask(self) -> str | None:
        """Path of the brain masks; None if there are none."""
        return None if self.brain == ROBEX else self.brain


class DicomRow(PatternRow):
    """A folder of DICOM files; `images` is the folder of one subject's series."""

    kind: Literal["dicom"]


class BidsRow(CollectionRow):
    """A BIDS dataset, or a BIDS derivative inside one."""

    kind: Literal["bids"]
    table: str | None = "participants.tsv"
    subject_column: str = "participant_id"
    derivative: str | None = Field(default=None, description="folder below derivatives/, if the images are there")
    datatype: str = "anat"
    suffix: str = "T1w"
    entities: dict[str, str] = Field(default={}, description="entities that the names must have, such as {space: ...}")


class CapsRow(CollectionRow):
    """A Clinica CAPS folder after `t1-linear`, as NIfTI files or as tensors extracted from them."""

    kind: Literal["caps"]
    subject_column: str = "participant_id"
    session_column: str | None = None
    files: Literal["nifti", "tensor"] = "nifti"
    cropped: bool = True

    @model_validator(mode="before")
    @classmethod
    def _its_tables_have_sessions(cls, content: Any) -> Any:
        if isinstance(content, dict) and content.get("table") is not None:
            return {"session_column": "session_id", **content}
        return content


class MniSubjectsRow(DataRow):
    """Synthetic subjects made from the template inside the nilearn package; nothing is downloaded."""

    kind: Literal["mni-subjects"]
    template: str
    template_sha256: str
    train: int = Field(ge=1)
    val: int = Field(ge=1)
    test: int = Field(ge=1)


DatasetRow = Annotated[
    MedMnistRow | NiftiFolderRow | DicomRow | BidsRow | CapsRow | MniSubjectsRow, Field(discriminator="kind")
]
DatasetName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")]
LOCAL_ROWS = "datasets-local.yaml"
_ROWS: TypeAdapter[dict[DatasetName, DatasetRow]] = TypeAdapter(dict[DatasetName, DatasetRow])


def read_registry(path: Path = DATASETS) -> dict[str, DatasetRow]:
    """Read and check all rows: those of the file, and those of `datasets-local.yaml` in its folder if there is one.

    Raises:
        ConfigError: the file is missing, a row is not valid, or both files have a row of the same name.
    """
    path = shipped(path)
    rows, local = validated(_ROWS, read_yaml(path), str(path)), path.with_name(LOCAL_ROWS)
    if not local.is_file() or local == path:
        return rows
    more = validated(_ROWS, read_yaml(local), str(local))
    if twice := sorted(rows.keys() & more.keys()):
        msg = f"{path} and {local.name} both have a row {twice[0]!r}"
        raise ConfigError(msg)
    return rows | more


def may_be_shown(name: str, path: Path = DATASETS) -> bool:
    """Return whether pictures of a dataset may be in a record: not if it is restricted or has no row.

    Raises:
        ConfigError: the file is missing or a row is not valid.
    """
    return is_open(read_registry(path).get(name))


def is_open(row: Row | None) -> bool:
    """Return whether pictures and names of a dataset may be shown: not if it is restricted or has no row."""
    return row is not None and not row.restricted


def find_row(name: str, path: Path = DATASETS) -> DatasetRow:
    """Return the row of one dataset.

    Raises:
        ConfigError: there is no such row; the message suggests the nearest name.
    """
    rows = read_registry(path)
    if name not in rows:
        raise ConfigError(unknown_name("dataset", name, rows))
    return rows[name]
