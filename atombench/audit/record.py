"""Audit files: one about the volumes of a dataset, one about each board; JSON, checked against a schema."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from atombench.io.files import write_json
from atombench.io.schema import read_model

HIDDEN = "(not shown)"


class Part(BaseModel):
    """Base of all parts of an audit: unknown keys and non-finite numbers are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Pair(Part):
    """Two volumes and how alike they are (see `audit/volumes.py`)."""

    first: str
    second: str
    splits: tuple[str, str]
    likeness: float


class Neighbours(Part):
    """Mean likeness of `pairs` pairs of neighbours; beside it mean and standard deviation over all pairs of volumes."""

    pairs: int
    likeness: float
    mean: float
    deviation: float

    @property
    def excess(self) -> float:
        """By how many standard errors neighbours are more alike than other pairs."""
        error = self.deviation / max(self.pairs, 1) ** 0.5
        return (self.likeness - self.mean) / error if self.pairs and error else 0.0


class Source(Part):
    """A source file of a dataset; no path of any machine."""

    name: str
    algorithm: str
    checksum: str
    url: str | None = None


class VolumeFindings(Part):
    """What the volumes of a dataset are like.

    Attributes:
        volumes, subjects: number in each official split.
        labels: volumes by label and split.
        spacing_mm: median mm per voxel along each axis; None where unknown.
        exact_pairs, near_pairs: pairs of volumes that are equal, or alike by at least `near_threshold`; the second number
            of each counts those that lie in two splits.
        most_alike: the pairs of two splits that are most alike.
        subjects_in_two_splits: names of subjects with volumes in more than one split.
        neighbours: volumes that follow each other in the source and are not said to be of one subject. If they are more alike
            than others, the source may not name all subjects.
        background: share of background voxels in a volume: 5 %, median and 95 % over volumes.
        nearly_empty: volumes with less than half a percent of tissue.
        histogram: share of voxels in each of equal bins from -0.1 to 1.1; what lies beyond counts in the last ones.
        sheet: contact sheet, PNG in base64; None where no picture may be shown.
        sources: the source files, at most `MOST_SOURCES`; source_count: how many there are.
    """

    kind: Literal["volumes"] = "volumes"
    dataset: str
    scale: int
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
        """The same findings without pictures and without names of volumes, subjects and files."""
        return self.model_copy(
            update={
                "sheet": None,
                "sources": [],
                "most_alike": [pair.model_copy(update={"first": HIDDEN, "second": HIDDEN}) for pair in self.most_alike],
                "subjects_in_two_splits": [HIDDEN] * len(self.subjects_in_two_splits),
            }
        )


class PartFindings(Part):
    """One part (train, val, test) of a board. Shares are of its sections.

    Attributes:
        sections, volumes, positions: how many; positions are distinct centres.
        depths: the distinct third coordinates of centres.
        unlabelled: sections without a correct box.
        without_block: sections without a correct coarse block.
        empty: sections that show no tissue at all, only background.
        blank: sections whose pixels are all equal; the others that are empty still show the ripple of the resampling.
        outside: sections that stick out of the volume.
        background: mean share of background pixels.
        first_octant: sections whose normal has no negative component; a quarter of the half sphere k >= 0.
        positions_in_training, depths_in_training: sections whose centre, or whose depth, also occurs in training.
        volumes_in_training: sections of volumes that training sections are cut from.
        place_counts: sections by centre (i, j), flattened (E x E).
        depth_counts: sections by depth k (E).
    """

    sections: int
    volumes: int
    positions: int
    depths: list[int]
    unlabelled: float
    without_block: float
    empty: float
    blank: float
    outside: float
    background: float
    first_octant: float
    positions_in_training: float
    depths_in_training: float
    volumes_in_training: float
    place_counts: list[int]
    depth_counts: list[int]


class Case(Part):
    """A test section with its volume, for the page that shows what methods answer.

    Attributes:
        section: place in the test part.
        volume: name of the volume.
        voxels: bytes (E, E, E) in base64, 0 for intensity 0 and 255 for 1.
        pixels: bytes (4s, 4s) in base64, likewise.
        centre, normal: the true pose, in voxels.
        boxes: the correct boxes.
    """

    section: int
    volume: str
    voxels: str
    pixels: str
    centre: list[float]
    normal: list[float]
    boxes: list[int]


class BoardFindings(Part):
    """What the sections of a board are like."""

    kind: Literal["board"] = "board"
    dataset: str
    gathering: str
    split: str
    scale: int
    manifest: str
    volumes: str = Field(description="digest of the volumes")
    parts: dict[str, PartFindings]
    cases: list[Case] = Field(default=[], description="a few test sections; none of restricted data or secret boards")

    def redacted(self) -> BoardFindings:
        """The same findings without pictures."""
        return self.model_copy(update={"cases": []})


Findings = Annotated[VolumeFindings | BoardFindings, Field(discriminator="kind")]
_FINDINGS: TypeAdapter[VolumeFindings | BoardFindings] = TypeAdapter(Findings)


def save_findings(path: Path, findings: VolumeFindings | BoardFindings) -> None:
    """Write an audit file."""
    write_json(path, findings.model_dump(mode="json"))


def load_findings(path: Path) -> VolumeFindings | BoardFindings:
    """Read and check an audit file.

    Raises:
        DataError: it is missing, is not JSON, or does not fit the schema.
    """
    return read_model(_FINDINGS, path)
