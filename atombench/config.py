"""The configuration: which boards, methods and seeds to run. It is validated before any step starts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SerializeAsAny, TypeAdapter

from atombench.engine.entry import Entry
from atombench.engine.method_name import MethodName
from atombench.errors import ConfigError, unknown_name
from atombench.io.paths import DATASETS
from atombench.io.schema import Content, validated
from atombench.records.board import Board
from atombench.records.run import Run
from atombench.tasks.table import DEFAULT, TASKS, find_task
from atombench.tasks.task import Block, Task, each_once
from atombench.volumes.registry import DatasetRow, read_registry


def _empty_if_null(value: object) -> object:
    """Return an empty mapping for null, which is how YAML reads a key without content."""
    return {} if value is None else value


Once = AfterValidator(each_once)


def _disjoint(blocks: list[Block]) -> list[Block]:
    """Raise a ValueError if a board is in two blocks."""
    boards = [board for block in blocks for board in block.boards()]
    if repeated := [board for board in boards if boards.count(board) > 1]:
        msg = f"the board {repeated[0]} is in more than one block"
        raise ValueError(msg)
    return blocks


class Transfer(BaseModel):
    """Train learned methods on one dataset and also test them on another, on every board that both have."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    train: str
    test: str


class RunConfig(BaseModel):
    """The matrix of boards x methods x seeds, and the conditions of each board."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    run: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$", description="name of the configuration, part of a file name")
    boards: Annotated[list[SerializeAsAny[Block]], AfterValidator(_disjoint)] = Field(
        min_length=1, description="blocks of boards, each of one task; a board may be in one block only"
    )
    seeds: Annotated[list[Annotated[int, Field(ge=0, lt=2**31, strict=True)]], Once] = Field(min_length=1)
    methods: Annotated[dict[str, dict[str, Any] | None], BeforeValidator(_empty_if_null)] = Field(
        default={},
        description="options that override the defaults, by NAME or NAME+VARIANT of a method; controls need not be listed",
    )
    without: Annotated[list[str], Once] = Field(default=[], description="controls to leave out; boards without them are marked")
    transfer: list[Transfer] = Field(default=[], description="train on one dataset, test on another")

    @property
    def tasks(self) -> list[Task]:
        """Tasks of the boards, without repetition."""
        return [find_task(name) for name in dict.fromkeys(block.task for block in self.boards)]

    def methods_of(self, task: Task) -> dict[str, dict[str, Any]]:
        """Return the methods of a task's boards with their options: controls first, then the configured methods."""
        configured = [name for name in self.methods if _has_method(task, name)]
        methods = [*(name for name in task.registry.controls if name not in self.without), *configured]
        return {name: self.methods.get(name) or {} for name in dict.fromkeys(methods)}

    def all_boards(self) -> dict[Board, list[str]]:
        """Return every board with its conditions."""
        return {board: block.conditions for block in self.boards for board in block.boards()}

    def runs(self) -> Iterator[Run]:
        """Yield every run of the matrix under every condition; methods without randomness run with the first seed only."""
        for block in self.boards:
            for board in block.boards():
                yield from self._of_board(board, block)
        yield from self._transferred()

    def _of_board(self, board: Board, block: Block) -> Iterator[Run]:
        task = find_task(board.task)
        for (method, options), condition in product(self.methods_of(task).items(), block.conditions):
            entry = task.registry.entry(method)
            name = f"{method}@{block.trained_on}" if block.trained_on and entry.needs_training else method
            for seed in self._seeds(entry, options):
                yield Run.of(board, name, seed, condition)

    def _transferred(self) -> Iterator[Run]:
        boards = self.all_boards()
        for transfer, (board, conditions) in product(self.transfer, boards.items()):
            if board.dataset != transfer.test or Board(board.task, transfer.train, board.name) not in boards:
                continue
            task = find_task(board.task)
            for method, options in self.methods_of(task).items():
                entry = task.registry.entry(method)
                if entry.learned:
                    for seed, condition in product(self._seeds(entry, options), conditions):
                        yield Run.of(board, f"{method}@{transfer.train}", seed, condition)

    def _seeds(self, entry: Entry, options: Mapping[str, Any]) -> Sequence[int]:
        return self.seeds if entry.is_seeded(options) else self.seeds[:1]


_RUN: TypeAdapter[RunConfig] = TypeAdapter(RunConfig)


def check_run(content: Content, source: str = "config", registry: Path | None = None, build_methods: bool = True) -> RunConfig:
    """Check the keys, names and method options of a configuration.

    Args:
        content: content of the file.
        source: name of the configuration in messages.
        registry: the registry of datasets.
        build_methods: whether to import and build every method, which also checks the values of its options.

    Raises:
        ConfigError: the configuration is not valid; the message is one line and suggests the nearest valid name.
    """
    run = validated(_RUN, _with_blocks(content, source), source)
    _check_names(run, source, registry or DATASETS)
    for task in run.tasks:
        defaults = task.registry.defaults()
        for method, overrides in run.methods_of(task).items():
            options = task.registry.options(method, overrides, defaults)
            if build_methods:
                task.registry.build(method, options)
    return run


def _with_blocks(content: Content, source: str) -> Content:
    """Return the content with each block of boards checked by its task."""
    if not isinstance(content, Mapping) or not isinstance(content.get("boards"), list):
        return content
    blocks = [_block(block, f"{source}: boards.{number}") for number, block in enumerate(content["boards"])]
    return {**content, "boards": blocks}


def _block(content: Content, source: str) -> Content:
    if not isinstance(content, Mapping):
        return content
    name = str(content.get("task", DEFAULT))
    if name not in TASKS:
        msg = f"{source}: {unknown_name('task', name, TASKS)}"
        raise ConfigError(msg)
    task = find_task(name)
    adapter: TypeAdapter[Block] = TypeAdapter(task.block)
    block = validated(adapter, {"task": name, **content}, source)
    for condition in block.conditions:
        if condition not in task.conditions:
            msg = f"{source}: {unknown_name(f'condition of {name}', condition, task.conditions)}"
            raise ConfigError(msg)
    return block


def _check_names(run: RunConfig, source: str, registry: Path) -> None:
    """Raise a ConfigError if a dataset, control, method or transfer does not exist."""
    rows, datasets = read_registry(registry), [name for block in run.boards for name in block.datasets]
    for name in datasets:
        if name not in rows:
            msg = f"{source}: {unknown_name('dataset', name, rows)}"
            raise ConfigError(msg)
    controls = {name for task in run.tasks for name in task.registry.controls} - set(run.methods)
    for name in run.without:
        if name not in controls:
            msg = f"{source}: without: {unknown_name('control', name, controls)}"
            raise ConfigError(msg)
    for method in run.methods:
        if MethodName.read(method).source:
            msg = f"{source}: methods: {method!r} names a dataset; use transfer to train on another dataset"
            raise ConfigError(msg)
        if not any(_has_method(task, method) for task in run.tasks):
            known = {name for task in run.tasks for name in task.methods}
            msg = f"{source}: {unknown_name('method', MethodName.read(method).name, known)}"
            raise ConfigError(msg)
    _check_transfers(run, source, datasets)
    for block in run.boards:
        _check_training(block, run, source, rows)


def _check_training(block: Block, run: RunConfig, source: str, rows: Mapping[str, DatasetRow]) -> None:
    """Raise a ConfigError if a block has no training volumes and names no boards with some, or names them needlessly."""
    origin, boards = block.trained_on, run.all_boards()
    for board in block.boards():
        test_only = rows[board.dataset].test_only
        if test_only and origin is None:
            msg = f"{source}: {board.dataset} has no training volumes; name a dataset in `trained_on` of its block"
            raise ConfigError(msg)
        if origin is None:
            continue
        if not test_only:
            msg = f"{source}: trained_on: {board.dataset} has training volumes; use transfer to also train on another dataset"
            raise ConfigError(msg)
        if Board(board.task, origin, board.name) not in boards or rows[origin].test_only:
            msg = f"{source}: trained_on: {origin} has no board {board.name} with training volumes in this configuration"
            raise ConfigError(msg)


def _check_transfers(run: RunConfig, source: str, datasets: list[str]) -> None:
    for transfer in run.transfer:
        for name in (transfer.train, transfer.test):
            if name not in datasets:
                msg = f"{source}: transfer: {unknown_name('dataset of the boards', name, datasets)}"
                raise ConfigError(msg)
    if run.transfer and not any("@" in planned.method for planned in run.runs()):
        msg = f"{source}: transfer: no two datasets have a board of the same name"
        raise ConfigError(msg)


def _has_method(task: Task, method: str) -> bool:
    """Return whether a task has a method, built in or submitted."""
    try:
        task.registry.entry(method)
    except ConfigError as error:
        if task.registry.is_external(method) and "unknown method" not in str(error):
            raise  # the folder of the submission is damaged
        return False
    return True
