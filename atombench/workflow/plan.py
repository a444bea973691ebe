"""From a run's configuration to the names of all files and the facts that each step depends on.

The rules of the workflow ask this plan; nothing here writes, deletes or starts anything.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from atombench.config import RunConfig
from atombench.engine.external import read_submission
from atombench.engine.method_name import MethodName
from atombench.engine.sandbox.supplies import supplies_of
from atombench.errors import AtomBenchError
from atombench.io.paths import SUBMISSIONS
from atombench.provenance.code import code_digest
from atombench.records.board import Board
from atombench.records.layout import ANSWERED, RECORD, TRAINED, Layout
from atombench.records.run import Run
from atombench.submissions.discovery import PickedUp
from atombench.tasks.table import find_task
from atombench.tasks.task import modules_of
from atombench.volumes.curated import INDEX_FILE, VOLUMES_FILE
from atombench.volumes.registry import DatasetRow, Row
from atombench.volumes.sources import READERS

Wildcards = Any
"""Snakemake's values of the wildcards of one job, as attributes."""
UNUSED = {"fetch": {"intensity", "split", "mixed_shapes", "same_subject", "facts"}, "curate": set[str]()}
"""Keys of a dataset's row that a step does not read."""


@dataclass(frozen=True)
class Plan:
    """The files of one configuration.

    Attributes:
        config: the matrix of runs.
        registry: rows of the datasets.
        submitted: answers of others to its boards.
        layout: where everything is.
    """

    config: RunConfig
    registry: Mapping[str, DatasetRow]
    submitted: PickedUp
    layout: Layout = field(default_factory=Layout)

    @cached_property
    def measured(self) -> list[Run]:
        """Runs that the platform makes, under every condition."""
        return list(self.config.runs())

    @cached_property
    def runs(self) -> list[Run]:
        """All runs, submitted answers included."""
        return [*self.measured, *self.submitted.files]

    @cached_property
    def boards(self) -> list[Board]:
        """All boards."""
        return list(self.config.all_boards())

    @cached_property
    def forms(self) -> list[tuple[str, str]]:
        """Dataset and curated form of every board, each pair once."""
        return list(dict.fromkeys((board.dataset, find_task(board.task).form(board)) for board in self.boards))

    def values(self) -> dict[str, list[str]]:
        """Return the values of each wildcard."""
        return {
            "task": _once(board.task for board in self.boards),
            "dataset": _once(board.dataset for board in self.boards),
            "board": _once(board.name for board in self.boards),
            "form": _once(form for _, form in self.forms),
            "condition": _once(run.condition for run in self.runs),
            "method": _once(run.method for run in self.runs),
        }

    def records(self) -> list[str]:
        """Return the records of all runs."""
        return [str(self.layout.record(run)) for run in self.runs]

    def audits(self) -> list[str]:
        """Return the audit files of all curated data and boards."""
        data = {self.layout.curated(*pair) / "audit.json" for pair in self.forms}
        return sorted(str(path) for path in data | {self.layout.board(board) / "audit.json" for board in self.boards})

    def queries(self) -> list[str]:
        """Return the description of the queries of every board."""
        return [str(self.layout.queries(board) / "board.json") for board in self.boards]

    def files(self) -> list[Path]:
        """Return every file that one step writes and another one reads."""
        files = {self.layout.source(dataset) for dataset, _ in self.forms}
        for pair in self.forms:
            files |= {self.layout.curated(*pair) / name for name in (VOLUMES_FILE, INDEX_FILE, "audit.json")}
        for board in self.boards:
            files |= {self.layout.board(board) / name for name in ("manifest.parquet", "manifest.json", "audit.json")}
        for run in self.runs:
            files |= {self.layout.trained(run) / name for name in TRAINED}
            files |= {self.layout.answered(run) / name for name in (*ANSWERED, RECORD)}
        return sorted(files)

    def data(self, wildcards: Wildcards) -> list[str]:
        """Return the curated files that a board needs."""
        board = board_of(wildcards)
        folder = self.layout.curated(board.dataset, find_task(board.task).form(board))
        return [str(folder / VOLUMES_FILE), str(folder / INDEX_FILE)]

    def trained(self, wildcards: Wildcards, name: str) -> str:
        """Return what the train step wrote for a run; a method trained on another dataset takes it from there."""
        method = MethodName.read(wildcards.method)
        board = Board(wildcards.task, method.source or wildcards.dataset, wildcards.board)
        return str(self.layout.trained(Run.of(board, method.configured, int(wildcards.seed))) / name)

    @cached_property
    def defaults(self) -> dict[str, dict[str, dict[str, Any]]]:
        """Default options of every method, by task; read once, because a run has thousands of jobs."""
        return {task.name: task.registry.defaults() for task in self.config.tasks}

    def options(self, wildcards: Wildcards) -> str:
        """Return the method's options as JSON: defaults with this run's overrides."""
        task = find_task(wildcards.task)
        method = MethodName.read(wildcards.method).configured
        overrides = self.config.methods_of(task)[method]
        return json.dumps(task.registry.options(method, overrides, self.defaults[task.name]), sort_keys=True)

    def supply(self, report: Callable[[str], None]) -> None:
        """Fetch pretrained weights and packages of submitted methods; a method without them fails later, with the reason."""
        for name in sorted({MethodName.read(run.method).name for run in self.measured}):
            submission = read_submission(name)
            if submission is None or submission.method is None:
                continue
            try:
                supplies_of(SUBMISSIONS / name, submission.method)
            except AtomBenchError as error:
                report(f"{name}: {error}")

    @cached_property
    def learned_methods(self) -> set[str]:
        """Names of the methods that are networks in at least one task."""
        return {run.method for run in self.measured if find_task(run.task).registry.entry(run.method).learned}

    @cached_property
    def other_methods(self) -> set[str]:
        """Names of the methods that are networks in no task."""
        return {run.method for run in self.measured} - self.learned_methods

    def restricted(self, wildcards: Wildcards) -> bool:
        """Return whether no picture of the dataset may be shown."""
        return self.registry[wildcards.dataset].restricted

    def settings(self, wildcards: Wildcards) -> str:
        """Return what drawing a board needs of the dataset's row, as JSON."""
        settings = find_task(wildcards.task).settings(self.registry[wildcards.dataset])
        return json.dumps(dict(settings), sort_keys=True)

    def key_digest(self, wildcards: Wildcards) -> str:
        """Return the digest of the key of a secret board; empty for public boards."""
        return find_task(wildcards.task).key_digest(board_of(wildcards))

    def row(self, wildcards: Wildcards, step: str) -> str:
        """Return what a step reads of the dataset's row, so that editing it repeats that step; not its description."""
        unused = {*Row.model_fields, "released_sampler", *UNUSED[step]}
        return self.registry[wildcards.dataset].model_dump_json(exclude=unused)

    def reader_code(self, wildcards: Wildcards, step: str) -> str:
        """Return the digest of a step's code together with the reader of the dataset's kind."""
        return code_digest(f"atombench.commands.{step}", READERS[self.registry[wildcards.dataset].kind])

    def step_code(self, wildcards: Wildcards, step: str, command: str = "") -> str:
        """Return the digest of the code that a step uses of a task."""
        return code_digest(f"atombench.commands.{command or step}", *modules_of(find_task(wildcards.task), step))

    def method_code(self, wildcards: Wildcards, step: str) -> str:
        """Return the digest of the code that a step uses of a task and of a method."""
        task = find_task(wildcards.task)
        entry = task.registry.entry(wildcards.method)
        modules = (f"atombench.commands.{step}", *modules_of(task, step))
        return f"{entry.cls} {task.registry.code(wildcards.method, *modules)}"

    def board_code(self) -> str:
        """Return the digest of the code that makes the pages."""
        modules = {module for task in self.config.tasks for module in modules_of(task, "board")}
        return code_digest("atombench.commands.board", *sorted(modules))

    def shown_texts_digest(self) -> str:
        """Return a digest of what pages say of datasets and methods, so that a corrected licence or note reaches them."""
        rows = {name: row.model_dump_json(include=set(Row.model_fields)) for name, row in self.registry.items()}
        notes = {task.name: {name: entry.note for name, entry in task.methods.items()} for task in self.config.tasks}
        return hashlib.sha256(json.dumps([rows, notes], sort_keys=True).encode()).hexdigest()

    def submitted_files(self, wildcards: Wildcards) -> list[str]:
        """Return what the score of submitted answers depends on, besides the board."""
        return self.submitted.files_of(Run.of(board_of(wildcards), wildcards.method, int(wildcards.seed)))


def board_of(wildcards: Wildcards) -> Board:
    """Return the board of a job."""
    return Board(wildcards.task, wildcards.dataset, wildcards.board)


def _once(names: Any) -> list[str]:
    return sorted(set(names))
