"""Result records: one JSON file per run and condition, validated against a schema; the source of truth for board and MLflow.

A record is independent of the task; data for the pages of one task are in `own`, in the format of that task.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field, TypeAdapter, ValidationError, model_validator
from pydantic_core import PydanticSerializationError

from atombench.errors import DataError
from atombench.io.files import write_json
from atombench.io.schema import FrozenModel, problem_lines, read_model
from atombench.provenance.cost import Cost
from atombench.records.run import Run
from atombench.statistics.bootstrap import Clustered, Grouped, Sample

Origin = Literal["measured", "reproduced", "self-reported"]
"""A built-in method, a submitted method executed by the platform, or submitted predictions."""


class StepFile(FrozenModel):
    """The file that a step writes in addition to its result: facts about the method, and the cost of the step."""

    facts: dict[str, Any]
    cost: Cost
    failure: str = ""


class Resampled(FrozenModel):
    """A number with its 95 % interval (percentile bootstrap over clusters), and the data to resample it.

    Counts and `sums` (see statistics/bootstrap.py) are per cluster, in the order of `clusters` of the record; a median has
    `values` instead of sums.
    """

    value: float
    ci_low: float
    ci_high: float
    chance: float | None = Field(default=None, description="theoretical chance level; none if undefined")
    counts: list[int] = Field(description="queries per cluster")
    values: list[list[float]] = Field(default=[], description="per cluster; for medians")

    @property
    def label(self) -> str:
        """Name in messages."""
        return "a number"

    @property
    def rows(self) -> Sequence[Sequence[float]]:
        """Sums of each cluster, one per component."""
        return []

    def sample(self) -> Sample:
        """Return the data as a sample for resampling."""
        if self.values:
            return Grouped.of_lists(self.values)
        return Clustered(np.array(self.rows, dtype=np.float64), np.array(self.counts, dtype=np.float64))

    def problem(self, clusters: int) -> str | None:
        """Return why the data do not match the number of clusters; None if they do."""
        rows = self.values or self.rows
        ragged = not self.values and len(set(map(len, rows))) > 1
        if len(rows) != clusters or len(self.counts) != clusters or ragged:
            return f"has {len(rows)} sums or values and {len(self.counts)} counts for {clusters} clusters"
        if self.values and (self.rows or [len(row) for row in self.values] != self.counts):
            return "has values that do not match its counts, or both sums and values"
        if not any(self.counts) or min(self.counts) < 0:
            return "counts no query, or a negative number of them"
        return None


class Metric(Resampled):
    """One metric of a run under one protocol."""

    protocol: str
    metric: str
    n_clusters: int
    n_queries: int
    sums: list[list[float]] = Field(default=[], description="per cluster")

    @property
    def label(self) -> str:
        """Protocol and metric."""
        return f"{self.protocol} {self.metric}"

    @property
    def rows(self) -> Sequence[Sequence[float]]:
        """Sums of each cluster, one per component."""
        return self.sums


class Stratum(Resampled):
    """The primary metric over the queries of one stratum."""

    kind: str
    name: str
    sums: list[int] | list[float] = Field(default=[], description="per cluster")

    @property
    def label(self) -> str:
        """Name in messages."""
        return f"the stratum {self.name}"

    @property
    def rows(self) -> Sequence[Sequence[float]]:
        """Sums of each cluster, one per component."""
        return list(zip(self.sums, strict=True))


class ReliabilityBin(FrozenModel):
    """Answers with confidence in one bin: their number, mean confidence, and share of correct answers."""

    count: int
    confidence: float
    right: float


class Digests(FrozenModel):
    """SHA-256 of inputs and outputs."""

    data: str = Field(description="curated data")
    manifest: str
    weights: str
    predictions: str
    code: str = Field(description="package sources used by training, predicting and evaluating this method")


@dataclass(frozen=True)
class Evaluation:
    """Result of evaluating the answers of a run; see the fields of `Record`."""

    metrics: list[Metric]
    strata: list[Stratum] = field(default_factory=list)
    reliability: list[ReliabilityBin] = field(default_factory=list)
    errors: dict[str, list[float]] = field(default_factory=dict)
    own: dict[str, Any] = field(default_factory=dict)
    answers: str = ""


class Record(FrozenModel):
    """Record of one run under one condition."""

    record_version: Literal[2] = 2
    protocol_version: str = Field(description="of the task's samplers, labels and metrics")
    run: Run
    status: Literal["complete", "failed"]
    reason: str = ""
    origin: Origin = "measured"
    card: dict[str, Any] = Field(default={}, description="card of the model, as stated by the submitter")
    role: str
    options: dict[str, Any]
    about: dict[str, Any]
    digests: Digests
    training: Cost | None = Field(default=None, description="measured by the platform; none for submitted predictions")
    predicting: Cost | None = None
    clusters: list[str] = Field(description="names of the resampled clusters: volumes, patients or specimens")
    metrics: list[Metric] = Field(default=[])
    strata: list[Stratum] = Field(default=[])
    reliability: list[ReliabilityBin] = Field(default=[])
    errors: dict[str, list[float]] = Field(default={}, description="0th, 5th, ... 100th percentile of each error")
    curve: list[dict[str, float]] = Field(default=[], description="training curve, thinned to at most 64 validations")
    own: dict[str, Any] = Field(default={}, description="data for the pages of the task")
    answers: str = Field(default="", description="SHA-256 of the best answer to each query; equal for copies in any format")

    @model_validator(mode="after")
    def _numbers_belong_to_its_clusters(self) -> Record:
        for number in (*self.metrics, *self.strata):
            if problem := number.problem(len(self.clusters)):
                msg = f"{number.label} {problem}"
                raise ValueError(msg)
        return self

    @property
    def ended(self) -> bool:
        """Whether the run completed and has answers."""
        return self.status == "complete"

    def find(self, protocol: str, metric: str) -> Metric | None:
        """Return a metric; None if the run does not have it."""
        return next((number for number in self.metrics if (number.protocol, number.metric) == (protocol, metric)), None)

    @property
    def costs(self) -> list[Cost]:
        """Costs of the steps; empty for submitted predictions."""
        return [cost for cost in (self.training, self.predicting) if cost is not None]


@dataclass(frozen=True)
class Header:
    """Everything in a record except the results of evaluation; see the fields of `Record`."""

    run: Run
    protocol_version: str
    origin: Origin
    role: str
    digests: Digests
    clusters: list[str]
    card: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)
    training: Cost | None = None
    predicting: Cost | None = None
    curve: list[dict[str, float]] = field(default_factory=list)


def make_record(header: Header, evaluation: Evaluation | None, reason: str = "") -> Record:
    """Build the record of a run; without an evaluation, of a failed run with the given reason.

    Raises:
        DataError: the record is not valid.
    """
    numbers = vars(evaluation) if evaluation else {"reason": reason}
    try:
        return Record(**vars(header), **numbers, status="complete" if evaluation else "failed")
    except ValidationError as error:
        raise DataError(_problems(header.run, error)) from error


def first_runs(records: Sequence[Record]) -> dict[str, Record]:
    """Return the complete run with the lowest seed of each method."""
    complete = sorted((record for record in records if record.ended), key=lambda record: record.run.order, reverse=True)
    return {record.run.method: record for record in complete}


_RECORD: TypeAdapter[Record] = TypeAdapter(Record)


def save_record(path: Path, record: Record) -> None:
    """Validate and write a record.

    Raises:
        DataError: the record is not valid (for example, changed after validation), or the file cannot be written.
    """
    try:
        content = record.model_dump(mode="json", warnings=False)  # invalid content is refused below
        _RECORD.validate_python(content)
    except ValidationError as error:
        raise DataError(_problems(record.run, error)) from error
    except PydanticSerializationError as error:
        msg = f"the record of {record.run.key} cannot be written as JSON: {error}"
        raise DataError(msg) from error
    write_json(path, content)


def load_record(path: Path, protocol: str = "") -> Record:
    """Read and check a record.

    Args:
        path: the file.
        protocol: expected protocol version; not compared if empty.

    Raises:
        DataError: the file is missing, not JSON, does not match the schema, or has another protocol version.
    """
    record = read_model(_RECORD, path)
    if protocol and record.protocol_version != protocol:
        msg = f"{path} is of protocol {record.protocol_version}, expected {protocol}; run the workflow for it again"
        raise DataError(msg)
    return record


def _problems(run: Run, error: ValidationError) -> str:
    return f"the record of {run.key} is not valid: " + "; ".join(problem_lines(error, _RECORD))
