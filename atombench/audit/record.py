"""Audit files, one for the volumes of each dataset and one for each board: JSON, validated against a schema."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from atombench.io.files import write_json
from atombench.io.schema import FrozenModel, read_model
from atombench.records.board import Board

HIDDEN = "(not shown)"


class Line(FrozenModel):
    """One line of a table of findings: name, value, meaning, and whether a reader should check it."""

    name: str
    value: str
    meaning: str
    flagged: bool = False

    @staticmethod
    def of(name: str, value: str, meaning: str, flagged: bool = False) -> Line:
        """Build a line."""
        return Line(name=name, value=value, meaning=meaning, flagged=flagged)


class Pair(FrozenModel):
    """Two volumes and their likeness (see `audit/volumes.py`)."""

    first: str
    second: str
    splits: tuple[str, str]
    likeness: float


class Neighbours(FrozenModel):
    """Mean likeness of `pairs` pairs of neighbours; mean and standard deviation over all pairs of volumes."""

    pairs: int
    likeness: float
    mean: float
    deviation: float

    @property
    def excess(self) -> float:
        """Excess likeness of neighbours over all pairs, in standard errors."""
        error = self.deviation / max(self.pairs, 1) ** 0.5
        return (self.likeness - self.mean) / error if self.pairs and error else 0.0


class Source(FrozenModel):
    """A source file of a dataset, without its local path."""

    name: str
    algorithm: str
    checksum: str
    url: str | None = None


class VolumeFindings(FrozenModel):
    """Findings about the volumes of a dataset.

    Attributes:
        form: curated form of the volumes.
        volumes, subjects: number in each official split.
        labels: volumes by label and split.
        spacing_mm: median mm per voxel along each axis; None where unknown.
        exact_pairs, near_pairs: pairs of volumes that are equal, or have a likeness of at least `near_threshold`; the second
            number of each counts pairs across splits.
        most_alike: the pairs across splits with the highest likeness.
        subjects_in_two_splits: names of subjects with volumes in more than one split.
        neighbours: consecutive volumes in the source that are not labelled as one subject. If they are more alike than other
            pairs, the source may not identify all subjects.
        background: share of background voxels in a volume: 5 %, median and 95 % over volumes.
        nearly_empty: volumes with less than half a percent of tissue.
        histogram: share of voxels in each of equal bins from -0.1 to 1.1; values outside count in the first or last bin.
        sheet: contact sheet, PNG in base64; None if pictures must not be shown.
        sources: the source files, at most `MOST_SOURCES`; source_count: their total number.
    """

    kind: Literal["volumes"] = "volumes"
    dataset: str
    form: str
    edge: int
    digest: str
    volumes: dict[str, int]
    subjects: dict[str, int]
    labels: dict[str, dict[str, int]]
    spacing_mm: list[float] | None
    near_threshold: float
    exact_pairs: tuple[int, int]
    near_pairs: tuple[int, int]
    most_alike: list[Pair]
    subjects_in_two_splits: list[str]
    neighbours: Neighbours
    background: tuple[float, float, float]
    nearly_empty: int
    histogram: list[float]
    sheet: str | None
    sources: list[Source]
    source_count: int

    def redacted(self) -> VolumeFindings:
        """Return the findings without pictures and without names of volumes, subjects and files."""
        return self.model_copy(
            update={
                "sheet": None,
                "sources": [],
                "most_alike": [pair.model_copy(update={"first": HIDDEN, "second": HIDDEN}) for pair in self.most_alike],
                "subjects_in_two_splits": [HIDDEN] * len(self.subjects_in_two_splits),
            }
        )


class BoardFindings(FrozenModel):
    """Findings about the queries of a board, independent of its task.

    Attributes:
        task, dataset, name: the board.
        manifest: digest of its manifest.
        data: digest of the curated data.
        lines: findings about the test part, for readers.
        numbers: findings by part and name, for audit.csv; `ceiling` of the test part bounds the primary metric.
        own: data for the figures of the task.
        pictures: images and names of the data; empty for restricted data and secret boards.
    """

    kind: Literal["board"] = "board"
    task: str
    dataset: str
    name: str
    manifest: str
    data: str
    lines: list[Line] = Field(default=[])
    numbers: dict[str, dict[str, float]] = Field(default={})
    own: dict[str, Any] = Field(default={})
    pictures: dict[str, Any] = Field(default={})

    @property
    def board(self) -> Board:
        """Board of the audit."""
        return Board(self.task, self.dataset, self.name)

    def redacted(self) -> BoardFindings:
        """Return the findings without pictures."""
        return self.model_copy(update={"pictures": {}})


Findings = Annotated[VolumeFindings | BoardFindings, Field(discriminator="kind")]
_FINDINGS: TypeAdapter[VolumeFindings | BoardFindings] = TypeAdapter(Findings)


def nothing_found(data: Any, manifest: Any) -> BoardFindings:
    """Return empty findings, for a task without its own audit; see `Task.audit`."""
    board = manifest.board
    return BoardFindings(
        task=board.task, dataset=board.dataset, name=board.name, manifest=manifest.digest, data=manifest.data_digest
    )


def save_findings(path: Path, findings: VolumeFindings | BoardFindings) -> None:
    """Write an audit file."""
    write_json(path, findings.model_dump(mode="json"))


def load_findings(path: Path) -> VolumeFindings | BoardFindings:
    """Read and check an audit file.

    Raises:
        DataError: the file is missing, is not JSON, or does not match the schema.
    """
    return read_model(_FINDINGS, path)
