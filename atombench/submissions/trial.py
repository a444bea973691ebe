"""A trial of a submitted method: one small board of embedded data, with all controls and exchanged cases, in about a minute."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from atombench.board.rows import make_rows
from atombench.engine import contract
from atombench.engine.failure import MethodFailure, own_faults
from atombench.engine.sandbox.parent import SandboxedMethod
from atombench.errors import ConfigError, DataError
from atombench.pages.row import Row
from atombench.progress import logger
from atombench.records.board import Board
from atombench.records.record import Digests, Evaluation, Header, Record, make_record
from atombench.records.run import Run
from atombench.submissions.problems import Problems
from atombench.submissions.validate import read_submission
from atombench.tasks.answering import answer_cases, cases_of
from atombench.tasks.evaluate import evaluate
from atombench.tasks.made_board import MadeBoard
from atombench.tasks.table import find_task
from atombench.tasks.task import Task
from atombench.volumes.curated import Curated
from atombench.volumes.fetch import fetch
from atombench.volumes.forms import read_form
from atombench.volumes.registry import DatasetRow
from atombench.volumes.sources import reader_of
from atombench.volumes.volume_set import SPLITS

VOLUMES = {"train": 10, "val": 3, "test": 6}


def try_method(folder: Path, rows: dict[str, DatasetRow]) -> tuple[MadeBoard, list[Row]]:
    """Run a submitted method and all controls on a small board; learned controls are trained for seconds only.

    Args:
        folder: the submission.
        rows: dataset registry.

    Returns:
        The board, and its rows, best first; a method that failed is a row with its reason.

    Raises:
        DataError: the submission is not valid, or has no method.
        ConfigError: its task has no small board.
    """
    problems = Problems()
    submission = read_submission(folder, problems)
    if submission is None or problems or submission.method is None:
        msg = f"{folder} has no method that could be tried: {'; '.join(problems.lines) or 'it holds predictions'}"
        raise DataError(msg)
    task = find_task(submission.task)
    made = small_board(task, rows)
    own: Any = SandboxedMethod(submission.name, {}, task.answers, folder.parent)
    methods: dict[str, contract.Method] = {submission.name: own, **_controls(task)}
    records = sorted(_records(made, methods, submission.name, submission.card), key=lambda record: record.run.order)
    return made, make_rows(task, records)[0]


def _controls(task: Task) -> dict[str, contract.Method]:
    """Return the controls of a task; learned ones with options with which they train in seconds."""
    defaults, built = task.registry.defaults(), {}
    for name in task.registry.controls:
        quick = task.registry.build(name, defaults[name]).smoke if task.registry.entry(name).learned else {}
        built[name] = task.registry.build(name, {**defaults[name], **quick})
    return built


def small_board(task: Task, rows: dict[str, DatasetRow]) -> MadeBoard:
    """Return the small board of a task, drawn from a few volumes of embedded data.

    Raises:
        ConfigError: the task has none.
    """
    if task.small is None:
        msg = f"the task {task.name} has no small board for trials; use a small configuration instead"
        raise ConfigError(msg)
    board = Board.read(task.small)
    row, form = rows[board.dataset], task.form(board)
    reader = reader_of(row.kind)
    with tempfile.TemporaryDirectory() as place:
        files = fetch(reader.sources(row), Path(place))
        whole = read_form(form).curate(board.dataset, reader.read(row, files), row).volumes()
    few = np.concatenate([whole.rows(split)[: VOLUMES[split]] for split in SPLITS])
    data = Curated.of(whole.take(few), form)
    return MadeBoard(board, task, data, task.draw(data, board, task.settings(row)))


def _records(made: MadeBoard, methods: dict[str, contract.Method], own: str, card: dict[str, object]) -> Iterator[Record]:
    clusters = made.task.clusters(made.data, made.manifest).names
    for name, method in methods.items():
        logger.info("trying %s", name)
        header = _header(made, name, own, card, clusters)
        try:
            yield make_record(header, _evaluated(made, name, method, name == own))
        except MethodFailure as failure:
            yield make_record(header, None, str(failure))


def _header(made: MadeBoard, name: str, own: str, card: dict[str, object], clusters: Sequence[str]) -> Header:
    entry = None if name == own else made.task.registry.entry(name)
    return Header(
        run=Run.of(made.board, name, 1),
        protocol_version=made.task.protocol,
        origin="reproduced" if entry is None else "measured",
        role="submission" if entry is None else entry.role,
        digests=Digests(data=made.data.index.digest, manifest=made.manifest.digest, weights="", predictions="", code=""),
        clusters=list(clusters),
        card=card if entry is None else {},
    )


def _evaluated(made: MadeBoard, name: str, method: contract.Method, submitted: bool) -> Evaluation:
    """Train a method, answer the cases, and score the answers.

    Raises:
        MethodFailure: the method failed by its own fault, or its answers are not valid.
    """
    task, resources = made.task, contract.Resources(seed=1)
    asked = task.queries(made.data, made.manifest)
    entry = None if submitted else task.registry.entry(name)
    cases = cases_of(task, asked, made.manifest, bool(entry and entry.answers_exchanges), submitted)
    hint = task.hint(made.data, made.manifest) if entry and entry.oracle else None
    with own_faults("training"):
        weights = method.fit(task.training(made.data, made.manifest), resources)
    own, kept = answer_cases(task, method, weights, asked, cases, resources, hint)
    return evaluate(task, own, made.data, made.manifest, kept)
