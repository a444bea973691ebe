"""The run's configuration: which datasets, gatherings, methods and seeds; validated before anything runs."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter

from atombench.engine.method_name import MethodName
from atombench.engine.registry import build, default_options, entry_of, resolved_options
from atombench.errors import ConfigError, unknown_name
from atombench.io.paths import DATASETS
from atombench.io.schema import validated
from atombench.records.record import Unit
from atombench.tasks.atom.methods.table import CONTROLS
from atombench.tasks.atom.sampling import GATHERINGS, SPLIT_RULES
from atombench.volumes.registry import read_registry

T = TypeVar("T")


def _each_once(values: list[T]) -> list[T]:
    if twice := [value for value in values if values.count(value) > 1]:
        msg = f"{twice[0]!r} stands in the list more than once"
        raise ValueError(msg)
    return values


def _or_none(value: Any) -> Any:
    """A key without anything under it, which YAML reads as null, is an empty mapping."""
    return {} if value is None else value


Once = AfterValidator(_each_once)


class Block(BaseModel):
    """Boards of a run: datasets x gatherings x splits x scales."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    datasets: Annotated[list[str], Once] = Field(min_length=1)
    gatherings: Annotated[list[str], Once] = Field(min_length=1, description="hard, easy, uniform")
    splits: Annotated[list[str], Once] = Field(default=["none"], min_length=1, description="split rules")
    scales: Annotated[list[Literal[1, 2, 3]], Once] = Field(default=[1], min_length=1)


Place = tuple[str, str, str, int]


def _places(blocks: list[Block]) -> list[Place]:
    return [place for block in blocks for place in product(block.datasets, block.gatherings, block.splits, block.scales)]


def _disjoint(blocks: list[Block]) -> list[Block]:
    """Refuse a board that stands in two blocks."""
    places = _places(blocks)
    if twice := [place for place in places if places.count(place) > 1]:
        msg = f"the board {'/'.join(str(part) for part in twice[0])} stands in more than one block"
        raise ValueError(msg)
    return blocks


class Transfer(BaseModel):
    """Learned methods are trained on one dataset and also tested on another, on every kind of board that both have."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    train: str
    test: str


class RunConfig(BaseModel):
    """A run: the matrix of boards x methods x seeds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    run: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$", description="name of the run, part of a file name")
    boards: Annotated[list[Block], AfterValidator(_disjoint)] = Field(min_length=1, description="each board stands in one")
    seeds: Annotated[list[Annotated[int, Field(ge=0, lt=2**31, strict=True)]], Once] = Field(min_length=1)
    methods: Annotated[dict[str, dict[str, Any] | None], BeforeValidator(_or_none)] = Field(
        default={},
        description="options by method, over the defaults, or by NAME+VARIANT; controls of every board need not be named",
    )
    without: Annotated[list[str], Once] = Field(default=[], description="controls left out; their boards are marked for it")

    transfer: list[Transfer] = Field(default=[], description="train on one dataset, test on another")

    @property
    def all_methods(self) -> dict[str, dict[str, Any]]:
        """Methods of the run with their options: the controls that every board has, then what the run names."""
        wanted = [*(name for name in CONTROLS if name not in self.without), *self.methods]
        return {name: self.methods.get(name) or {} for name in dict.fromkeys(wanted)}

    def places(self) -> list[Place]:
        """Dataset, gathering, split and scale of every board."""
        return _places(self.boards)

    def names(self, what: Literal["datasets", "gatherings", "splits", "scales"]) -> list[Any]:
        """All datasets, gatherings, splits or scales of the run, each once."""
        return list(dict.fromkeys(name for block in self.boards for name in getattr(block, what)))

    def units(self) -> Iterator[Unit]:
        """Every run of the matrix; a method that is not seeded runs with the first seed only."""
        for (dataset, gathering, split, scale), method in product(self.places(), self.all_methods):
            for seed in self.seeds if entry_of(method).seeded else self.seeds[:1]:
                yield Unit(dataset=dataset, gathering=gathering, split=split, scale=scale, method=method, seed=seed)
        yield from self._transferred()

    def _transferred(self) -> Iterator[Unit]:
        places, learned = self.places(), [name for name in self.all_methods if entry_of(name).learned]
        for transfer in self.transfer:
            shared = [(g, s, x) for d, g, s, x in places if d == transfer.test and (transfer.train, g, s, x) in places]
            for (gathering, split, scale), method, seed in product(shared, learned, self.seeds):
                label = f"{method}@{transfer.train}"
                yield Unit(dataset=transfer.test, gathering=gathering, split=split, scale=scale, method=label, seed=seed)


_RUN: TypeAdapter[RunConfig] = TypeAdapter(RunConfig)


def check_run(content: Any, source: str = "config", registry: Path = DATASETS, build_methods: bool = True) -> RunConfig:
    """Check a run's configuration: its keys, the names in it, and every method's options.

    Args:
        content: what the file holds.
        source: what to call it in messages.
        registry: the registry of datasets.
        build_methods: also build every method, which checks the values of its options and imports it.

    Raises:
        ConfigError: what is wrong, in one line; for an unknown name with the nearest valid one.
    """
    run = validated(_RUN, content, source)
    rows, defaults = read_registry(registry), default_options()
    named = (
        ("dataset", run.names("datasets"), rows),
        ("gathering", run.names("gatherings"), GATHERINGS),
        ("split rule", run.names("splits"), SPLIT_RULES),
    )
    for what, names, valid in named:
        for name in names:
            if name not in valid:
                msg = f"{source}: {unknown_name(what, name, valid)}"
                raise ConfigError(msg)
    for transfer in run.transfer:
        for name in (transfer.train, transfer.test):
            if name not in run.names("datasets"):
                msg = f"{source}: transfer: {unknown_name('dataset of the boards', name, run.names('datasets'))}"
                raise ConfigError(msg)
    if run.transfer and not any("@" in unit.method for unit in run.units()):
        msg = f"{source}: transfer: no two datasets have a board of the same gathering, split and scale"
        raise ConfigError(msg)
    for name in run.without:
        if name not in CONTROLS or name in run.methods:
            msg = f"{source}: without: {unknown_name('control', name, set(CONTROLS) - set(run.methods))}"
            raise ConfigError(msg)
    for method, overrides in run.all_methods.items():
        if MethodName.read(method).source:
            msg = f"{source}: methods: {method!r} names a dataset; that is what transfer is for"
            raise ConfigError(msg)
        options = resolved_options(method, overrides, defaults)
        if build_methods:
            build(method, options)
    return run
