"""The base of all tasks. A task is a question with its own data form, poses, answers, metrics, methods and protocol version.

The ten rules of the workflow serve every task; each rule calls a few attributes of the task, listed in `PARTS`. To add a task,
define a subclass of `Task` in its own package and list it in table.py. Attributes that only some steps need may be `Deferred`
to other modules, which are then imported on demand. The code digest of a step covers only the modules that the step uses.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, BaseModel, ConfigDict
from pydantic import Field as PydanticField

from atombench.engine.answers import Answers, Field
from atombench.engine.entry import Entry
from atombench.engine.exchanges import Mixed
from atombench.engine.registry import Registry
from atombench.records.board import CLEAN, Board
from atombench.volumes.curated import Curated

if TYPE_CHECKING:  # so that editing records or statistics does not rerun steps that do not use them
    from atombench.records.metric import Key, MetricSpec
    from atombench.records.record import ReliabilityBin
    from atombench.statistics.values import Values
    from atombench.volumes.registry import DatasetRow

T = TypeVar("T")
TaskManifest = Any
"""The manifest of a task; its own class, with everything that `Manifest` asks for."""
TrainingData = Any
"""Training and validation queries with labels, as the methods of a task take them."""
Queries = Any
"""Test queries, as the methods of a task take them."""
Truth = Any
"""Labels, as the metrics of a task take them."""

PARTS: Mapping[str, tuple[str, ...]] = {
    "split": ("draw",),
    "audit": ("load_manifest", "audit"),
    "train": ("load_manifest", "training"),
    "predict": ("load_manifest", "queries", "check_complete", "mix", "kept", "hint"),
    "evaluate": (
        *("load_manifest", "truth", "score", "score_exchanged", "essence", "clusters", "strata", "details", "metrics"),
    ),
    "queries": ("load_manifest", "queries", "submission"),
    "score": (
        "load_manifest",
        "queries",
        "submission",
        "truth",
        "score",
        "essence",
        "clusters",
        "strata",
        "details",
        "metrics",
    ),
    "board": ("metrics", "panels"),
}
"""Attributes and methods of a task that each step uses. The modules that they are deferred to are part of the step's code
digest, so that an edit of, for example, a metric repeats the evaluation but no training."""
REQUIRED = ("name", "title", "block", "answers", "metrics", "primary", "methods")
"""Attributes that every task must define."""


class Deferred:
    """An attribute of a task that is defined in another module, which is imported at first use.

    Args:
        path: `MODULE:NAME`.
    """

    def __init__(self, path: str) -> None:
        self.module, _, self.name = path.partition(":")

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        return getattr(import_module(self.module), self.name)


class Manifest(Protocol):
    """All queries of one board, and the digest of the curated data they were drawn for."""

    @property
    def board(self) -> Board:
        """The board that the manifest was drawn for."""

    @property
    def digest(self) -> str:
        """SHA-256 of protocol version, board and all rows."""

    @property
    def data_digest(self) -> str:
        """Digest of the curated data that the manifest was drawn for."""

    @property
    def counts(self) -> Mapping[str, int]:
        """Number of queries in each part: train, val, test."""

    def save(self, path: Path) -> None:
        """Write the manifest; equal content is written as equal bytes."""

    def summary(self) -> Mapping[str, Any]:
        """Return facts for the summary file written next to the manifest."""


@dataclass(frozen=True)
class Asked:
    """Test queries as a method sees them.

    Attributes:
        queries: input of `predict`; its type depends on the task.
        order: (M,), row of the manifest's test part that each query asks about.
        arrays: by name, the arrays that submitters receive as files.
    """

    queries: Any
    order: NDArray[np.int64]
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.order)


@dataclass(frozen=True)
class Clusters:
    """Units of resampling: names (V,), and the cluster (M,) of each test query in the order of the manifest."""

    names: Sequence[str]
    index: NDArray[np.int64]


@dataclass(frozen=True)
class Details:
    """Details of a run besides its metrics; see the fields of `Record`."""

    reliability: list[ReliabilityBin] = field(default_factory=list)
    errors: dict[str, list[float]] = field(default_factory=dict)
    own: dict[str, Any] = field(default_factory=dict)


def each_once(values: list[T]) -> list[T]:
    """Return the list unchanged.

    Raises:
        ValueError: a value is listed more than once.
    """
    if repeated := [value for value in values if values.count(value) > 1]:
        msg = f"{repeated[0]!r} is listed more than once"
        raise ValueError(msg)
    return values


class Block(BaseModel):
    """A block of `boards:` in a run's configuration; each task adds the parts of its board names."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    task: str
    datasets: Annotated[list[str], AfterValidator(each_once)] = PydanticField(min_length=1)
    conditions: Annotated[list[str], AfterValidator(each_once)] = PydanticField(
        default=[CLEAN], min_length=1, description="under which every board is answered"
    )
    trained_on: str | None = PydanticField(
        default=None, description="dataset from which methods take their weights, for datasets without training volumes"
    )

    def names(self) -> list[str]:
        """Return the board names of each dataset."""
        return ["default"]

    def boards(self) -> list[Board]:
        """Return every board of the block."""
        return [Board(self.task, dataset, name) for dataset in self.datasets for name in self.names()]


class Task:
    """Base of all tasks, with defaults for the attributes and methods that a simple task does not need.

    A task must define the attributes in `REQUIRED`, and the methods `form`, `draw`, `load_manifest`, `training`, `queries`,
    `truth`, `score` and `clusters`.

    Attributes:
        name: name of the folder, used in keys and paths.
        title: title of the task's pages.
        protocol: version of samplers, labels and metrics; increased when any of them changes.
        block: pydantic model of a block of `boards:` in a run's configuration.
        conditions: conditions under which every board can be answered.
        inputs: inputs that are exchanged; the exchange of input I is recorded as protocol `I-swap`.
        answers: fields of the answers.
        kept_fields: fields of the answers to exchanged inputs that are stored.
        metrics: all metrics of all protocols, in the order of their columns.
        primary: the metric by which methods are ranked.
        methods: table of methods by name.
        references: methods that pages show for comparison.
        submission: form of the query files and of submitted answers, if it differs from the fields; see submissions/form.py.
        small: key of the board on which submitted methods are tried; none by default.
        panels: pages and figures that only this task has; see pages/panels.py.
        audit: checks the queries of a board for pitfalls: `audit(data, manifest) -> BoardFindings`.
        preview: draws queries under all conditions: `preview(data, manifest, count, severity) -> PIL.Image`; None by default.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    protocol: ClassVar[str] = "1.0"
    block: ClassVar[type[Block]]
    conditions: ClassVar[tuple[str, ...]] = (CLEAN,)
    inputs: ClassVar[tuple[str, ...]] = ()
    answers: ClassVar[tuple[Field, ...]]
    kept_fields: ClassVar[tuple[Field, ...]] = ()
    metrics: Any
    primary: ClassVar[Key]
    methods: ClassVar[Mapping[str, Entry]]
    references: ClassVar[tuple[str, ...]] = ()
    submission: Any = None
    small: ClassVar[str | None] = None
    panels: Any = None
    audit: Any = Deferred("atombench.audit.record:nothing_found")
    preview: Any = None

    def __init_subclass__(cls) -> None:
        """Check that a task defines every attribute without a default.

        Raises:
            TypeError: an attribute is missing.
        """
        super().__init_subclass__()
        for name in REQUIRED:
            if not hasattr_static(cls, name):
                raise missing(getattr(cls, "name", cls.__name__), name)

    @property
    def registry(self) -> Registry:
        """Methods of the task: built-in and submitted."""
        return Registry(self.name, self.methods, self.answers)

    def form(self, board: Board) -> str:
        """Return the curated form that a board needs, such as `cube20`."""
        raise missing(self.name, "form")

    def coordinates(self, board: Board) -> Mapping[str, str]:
        """Return the parts of a board's name by coordinate, for filters and tables."""
        return {"board": board.name}

    def board_title(self, board: Board) -> str:
        """Return the title of a board for display."""
        return board.name

    def position(self, board: Board) -> int:
        """Return the position of a board among those of the task on pages; the headline boards have 0."""
        return 0

    def secret(self, board: Board) -> bool:
        """Return whether pages and records must not reveal the labels of a board."""
        return False

    def public_board(self, board: Board) -> Board:
        """Return the public board with the sampler of a secret one; other boards are their own."""
        return board

    def settings(self, row: DatasetRow) -> Mapping[str, str]:
        """Return the settings in a dataset's row of the registry that `draw` needs."""
        return {}

    def key_digest(self, board: Board) -> str:
        """Return a digest of the secret that `draw` uses for a board; empty if there is none."""
        return ""

    def draw(self, data: Curated, board: Board, settings: Mapping[str, str]) -> Manifest:
        """Draw the queries of a board."""
        raise missing(self.name, "draw")

    def count(self, board: Board, splits: Sequence[str], settings: Mapping[str, str]) -> Mapping[str, int] | None:
        """Return the number of queries in each part, given the official split of each volume; None if it is unknown."""
        return None

    def load_manifest(self, path: Path) -> Manifest:
        """Read a manifest written by `Manifest.save`.

        Raises:
            DataError: the file is missing, damaged, or of another protocol version.
        """
        raise missing(self.name, "load_manifest")

    def training(self, data: Curated, manifest: TaskManifest) -> TrainingData:
        """Return the training data of a method: training and validation queries with labels."""
        raise missing(self.name, "training")

    def queries(self, data: Curated, manifest: TaskManifest, condition: str = CLEAN) -> Asked:
        """Return the test queries under a condition, without labels, in an uninformative order."""
        raise missing(self.name, "queries")

    def check_complete(self, answers: Answers) -> None:
        """Check that answers contain all fields that scoring needs; shapes and values have already been checked.

        Raises:
            DataError: a field is missing.
        """

    def mix(self, queries: Queries, manifest: TaskManifest, key: str = "") -> Mixed:
        """Return queries mixed with exchanged cases, in an order keyed by a secret; without exchanges by default."""
        return Mixed.only(queries, len(queries))

    def kept(self, answers: Answers, queries: Queries) -> Answers:
        """Return the part of the answers to exchanged cases that is stored, as `kept_fields`."""
        return answers

    def hint(self, data: Curated, manifest: TaskManifest) -> Truth:
        """Return the labels of the test queries, in their order; only tasks with an oracle (`Entry.oracle`) need it."""
        raise missing(self.name, "hint")

    def truth(self, data: Curated, manifest: TaskManifest) -> Truth:
        """Return the labels of the test part, in the order of the manifest."""
        raise missing(self.name, "truth")

    def score(self, answers: Answers, truth: Truth) -> list[Values]:
        """Return the per-query values of all metrics, in the order of the manifest."""
        raise missing(self.name, "score")

    def score_exchanged(self, exchange: str, kept: Answers, truth: Truth, asked: NDArray[np.int64]) -> list[Values]:
        """Return values of the primary metric for answers to exchanged cases, under the protocol `exchange`.

        Args:
            exchange: name of the exchange.
            kept: stored part of the answers to K cases.
            truth: labels of the test part, in the order of the manifest; indexed with `asked` here.
            asked: (K,), query that each case asks about.
        """
        return [
            replace(values, protocol=exchange)
            for values in self.score(kept, truth[asked])
            if (values.protocol, values.metric) == self.primary
        ]

    def essence(self, answers: Answers, truth: Truth) -> Answers:
        """Return the part of the answers by which copies are recognised; all of them by default."""
        return answers

    def clusters(self, data: Curated, manifest: TaskManifest) -> Clusters:
        """Return the clusters that the bootstrap resamples."""
        raise missing(self.name, "clusters")

    def strata(self, data: Curated, manifest: TaskManifest, truth: Truth) -> Mapping[str, NDArray[np.str_]]:
        """Return the stratum of each test query by kind; an empty string if a query belongs to none."""
        return {}

    def details(
        self,
        answers: Answers,
        truth: Truth,
        data: Curated,
        manifest: TaskManifest,
        values: Sequence[Values],
        pictures: bool,
        condition: str = CLEAN,
    ) -> Details:
        """Return what pages show of a run under a condition besides metrics; `pictures`: whether images may be shown."""
        return Details()


def missing(task: str, part: str) -> TypeError:
    """Return the error for an attribute or method that a task must define."""
    return TypeError(f"the task {task!r} must define {part!r}; see atombench/tasks/task.py")


def hasattr_static(cls: type, name: str) -> bool:
    """Return whether a class has an attribute, without importing what it is deferred to."""
    return any(name in vars(base) for base in cls.__mro__)


def modules_of(task: Task, step: str) -> tuple[str, ...]:
    """Return the modules of a task that a step uses: the task's own, and those that the step's attributes are deferred to."""
    parts = (inspect.getattr_static(type(task), part) for part in PARTS[step])
    deferred = {part.module for part in parts if isinstance(part, Deferred)}
    return tuple(sorted({type(task).__module__, *deferred}))


def spec_of(task: Task, key: Key) -> MetricSpec:
    """Return the specification of a metric.

    Raises:
        KeyError: the task has no such metric.
    """
    return {spec.key: spec for spec in task.metrics}[key]
