"""Result records: one JSON file per run, checked against a schema; the source of truth for board and MLflow."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from atombench import PROTOCOL
from atombench.errors import DataError
from atombench.io.files import write_json
from atombench.io.schema import read_model
from atombench.provenance.cost import Cost
from atombench.statistics.bootstrap import Clustered
from atombench.tasks.atom.metrics import Protocol

RECORD_VERSION = 1
Origin = Literal["platform", "submitted method", "submitted predictions"]


def in_order(record: Record) -> tuple[object, ...]:
    """What records are sorted by: board, method, seed."""
    return (*record.unit.board, record.unit.method, record.unit.seed)


def first_runs(records: Sequence[Record]) -> dict[str, Record]:
    """The first seed of each method that has ended well."""
    ended = sorted((one for one in records if one.status == "complete"), key=in_order, reverse=True)
    return {record.unit.method: record for record in ended}


def quoted(part: object) -> str:
    """A name as part of a key, so that keys can be taken apart at their slashes."""
    return str(part).replace("%", "%25").replace("/", "%2F")


def unquoted(key: str) -> tuple[str | int, ...]:
    """The parts of a board's key (7) or of a unit's (9).

    Raises:
        DataError: it is neither.
    """
    parts: list[str | int] = [part.replace("%2F", "/").replace("%25", "%") for part in key.split("/")]
    try:
        if len(parts) not in (7, 9):
            raise ValueError
        parts[4], parts[6] = int(parts[4]), int(parts[6])
    except ValueError:
        msg = f"expected the name of a unit such as atom/DATASET/GATHERING/SPLIT/1/clean/0/METHOD/seed1, got {key!r}"
        raise DataError(msg) from None
    return tuple(parts)


class Part(BaseModel):
    """Base of all parts of a record: unknown keys and non-finite numbers are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class StepFile(Part):
    """What a step writes beside its result: facts about the method and what the step cost."""

    facts: dict[str, Any]
    cost: Cost
    failure: str = ""


class Unit(Part):
    """Which run this is; all but method and seed name the board."""

    task: Literal["atom"] = "atom"
    dataset: str
    gathering: str
    split: str
    scale: int = Field(ge=1)
    degradation: str = "clean"
    severity: int = Field(default=0, ge=0)
    method: str
    seed: int

    @property
    def board(self) -> tuple[str | int, ...]:
        """Coordinates of the board, in the order of the table's columns."""
        return (self.task, self.dataset, self.gathering, self.split, self.scale, self.degradation, self.severity)

    @property
    def key(self) -> str:
        """The run's name, unique in a results folder; a slash inside a name is written as in addresses, %2F."""
        return "/".join(quoted(part) for part in (*self.board, self.method, f"seed{self.seed}"))


class Metric(Part):
    """One number with its 95 % interval (percentile bootstrap over volumes) and its chance level by theory."""

    protocol: Protocol
    metric: str
    value: float
    ci_low: float
    ci_high: float
    chance: float | None
    n_volumes: int
    n_sections: int
    sums: list[list[float]] = Field(description="per volume, in the order of `volumes`; see evaluation/statistics.py")
    counts: list[int] = Field(description="sections per volume")

    def clustered(self) -> Clustered:
        """The sums as arrays."""
        return Clustered(np.array(self.sums, dtype=np.float64), np.array(self.counts, dtype=np.float64))


class Stratum(Part):
    """The primary number over the sections of one stratum; interval, sums (whole numbers, hits) and counts as in `Metric`."""

    kind: str
    name: str
    value: float
    ci_low: float
    ci_high: float
    chance: float
    sums: list[int]
    counts: list[int]

    def clustered(self) -> Clustered:
        """The sums as arrays."""
        return Clustered(np.array(self.sums, dtype=np.float64)[:, None], np.array(self.counts, dtype=np.float64))


class ReliabilityBin(Part):
    """Answers whose confidence lies in one bin: how many, their mean confidence, and the share that was right."""

    count: int
    confidence: float
    right: float


class Answer(Part):
    """What the run answered to one of the board's cases (see `Case` in audit/record.py)."""

    section: int = Field(description="place in the test part")
    rank: int = Field(description="rank of the best-ranked correct box; 1 is right")
    box: int = Field(description="the best-scored box")
    scores: str = Field(description="729 bytes in base64: scores of the boxes, 0 for the lowest and 255 for the highest")
    centre: list[float] | None = Field(description="predicted centre, in voxels; none where the run gives no poses")
    normal: list[float] | None


class Failure(Part):
    """A section that was placed wrongly, as pictures: PNG in base64, a pixel per voxel.

    `there` and `answered` show the volume in the plane of the section, and in that of the answer: as many pixels as the volume
    has voxels along an edge, the section in the middle. Where a run gives no pose, the plane goes through the middle of the
    best box in the true direction.
    """

    section: int = Field(description="place in the test part")
    volume: str
    rank: int = Field(description="rank of the best-ranked correct box")
    box: int = Field(description="the best-scored box")
    distance_voxel: float = Field(description="from the true centre to the answered one, or to the middle of the best box")
    pixels: str
    there: str
    answered: str


class Digests(Part):
    """SHA-256 of what went in and came out."""

    volumes: str
    manifest: str
    weights: str
    predictions: str
    code: str = Field(description="package sources used by training, predicting and evaluating this method")


class Record(Part):
    """One run."""

    record_version: int = RECORD_VERSION
    protocol_version: str = PROTOCOL
    unit: Unit
    status: Literal["complete", "failed"]
    reason: str = ""
    origin: Origin = Field(default="platform", description="whose method it is, and who ran it")
    card: dict[str, Any] = Field(default={}, description="what a submitter says of the model")
    role: str
    options: dict[str, Any]
    about: dict[str, Any]
    digests: Digests
    training: Cost | None = Field(description="measured by the platform; none for submitted predictions")
    predicting: Cost | None
    volumes: list[str]
    metrics: list[Metric]
    strata: list[Stratum] = []
    reliability: list[ReliabilityBin] = []
    errors: dict[str, list[float]] = Field(default={}, description="0th, 5th, ... 100th percentile of each pose error")
    curve: list[dict[str, float]] = Field(default=[], description="training curve, thinned to at most 64 validations")
    answers: list[Answer] = Field(default=[], description="to the cases that the board shows")
    failures: list[Failure] = Field(default=[], description="some, drawn at random; none of restricted data or secret boards")

    @model_validator(mode="after")
    def _sums_and_counts_are_of_its_volumes(self) -> Record:
        volumes = len(self.volumes)
        for one in self.metrics:
            if len(one.sums) != volumes or len(one.counts) != volumes or len({len(row) for row in one.sums}) > 1:
                msg = f"{one.protocol} {one.metric} has {len(one.sums)} sums and {len(one.counts)} counts for {volumes} volumes"
                raise ValueError(msg)
            if not any(one.counts) or min(one.counts) < 0:
                msg = f"{one.protocol} {one.metric} counts no section, or less than none"
                raise ValueError(msg)
        for stratum in self.strata:
            if len(stratum.sums) != volumes or len(stratum.counts) != volumes or not any(stratum.counts):
                msg = f"the stratum {stratum.name} has {len(stratum.sums)} sums for {volumes} volumes, or no section"
                raise ValueError(msg)
        return self

    def find(self, protocol: str, metric: str) -> Metric | None:
        """One metric, if the run has it."""
        return next((found for found in self.metrics if (found.protocol, found.metric) == (protocol, metric)), None)

    @property
    def costs(self) -> list[Cost]:
        """What the platform's steps cost; nothing for submitted predictions."""
        return [cost for cost in (self.training, self.predicting) if cost is not None]


_RECORD: TypeAdapter[Record] = TypeAdapter(Record)


def save_record(path: Path, record: Record) -> None:
    """Write a record."""
    write_json(path, record.model_dump(mode="json"))


def load_record(path: Path) -> Record:
    """Read and check a record.

    Raises:
        DataError: it is missing, is not JSON, does not fit the schema, or is of another protocol version.
    """
    record = read_model(_RECORD, path)
    if record.protocol_version != PROTOCOL:
        msg = f"{path} is of protocol {record.protocol_version}, expected {PROTOCOL}; run the workflow for it again"
        raise DataError(msg)
    return record
