"""Exchanged inputs: test whether a method uses each of its inputs.

A learned method answers the test queries again with one input exchanged between cases, while the labels stay the same. A method
that does not get worse when an input is exchanged does not use that input, whatever its score.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol

from atombench.engine.answers import Answers, Field, load_answers, save_answers
from atombench.engine.contract import Method, Resources, Weights
from atombench.records.metric import exchange_protocol

SEPARATOR = "/"  # between the names of exchange and field in column names


class Exchangeable(Protocol):
    """The part of a task that exchanging uses."""

    inputs: ClassVar[tuple[str, ...]]
    answers: ClassVar[tuple[Field, ...]]
    kept_fields: ClassVar[tuple[Field, ...]]

    def exchange(self, queries: Any, name: str) -> Any | None:
        """Return queries with one input exchanged; None if that is not possible."""

    def kept(self, answers: Answers, queries: Any) -> Answers:
        """Return the part of the answers that is stored."""


def answer_exchanged(
    task: Exchangeable, method: Method, weights: Weights, queries: Any, resources: Resources
) -> dict[str, Answers]:
    """Return the stored part of the answers under each exchange, in the order of the queries."""
    kept: dict[str, Answers] = {}
    for name in task.inputs:
        exchanged = task.exchange(queries, name)
        if exchanged is not None:
            kept[exchange_protocol(name)] = task.kept(method.predict(weights, exchanged, resources), exchanged)
    return kept


def save_exchanged(path: Path, kept: Mapping[str, Answers], source: Mapping[str, str], queries: int) -> None:
    """Write the stored part of answers to exchanged inputs, in the order of the manifest."""
    columns = {
        f"{exchange}{SEPARATOR}{name}": array for exchange, answers in kept.items() for name, array in answers.arrays.items()
    }
    save_answers(path, Answers.of(columns), source, queries)


def load_exchanged(path: Path, task: Exchangeable, source: Mapping[str, str], queries: int) -> dict[str, Answers]:
    """Read a file written by `save_exchanged`.

    Raises:
        DataError: the file is damaged, or was computed from other data or by another method.
    """
    fields: Sequence[Field] = task.kept_fields or task.answers
    columns = [
        Field(f"{exchange_protocol(name)}{SEPARATOR}{field.name}", field.width, field.dtype, field.check)
        for name in task.inputs
        for field in fields
    ]
    loaded = load_answers(path, columns, source, queries)
    kept: dict[str, Answers] = {}
    for name in task.inputs:
        prefix = f"{exchange_protocol(name)}{SEPARATOR}"
        arrays = {column.removeprefix(prefix): array for column, array in loaded.arrays.items() if column.startswith(prefix)}
        if arrays:
            kept[exchange_protocol(name)] = Answers.of(arrays)
    return kept
