"""Answers to queries: one array per field of the task, in memory and on disk.

A task defines its fields once (`Field`). Checks, prediction files, the sandbox and submissions are derived from them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from atombench.errors import DataError
from atombench.io.files import written_whole
from atombench.io.parquet import read_parquet

QUERY = "query"
PROBABILITIES = "probabilities"


@dataclass(frozen=True)
class Field:
    """One array of the answers of a task.

    Attributes:
        name: name of the array.
        width: numbers per query; None if it differs between queries (such as landmarks).
        dtype: NumPy type of the numbers.
        check: takes the whole array and returns why its values are not valid, or None.
    """

    name: str
    width: int | None
    dtype: str = "float32"
    check: Callable[[NDArray[Any]], str | None] | None = None


@dataclass(frozen=True)
class Ragged:
    """Rows of different lengths: the concatenated values (T,) and the length of each row (M,)."""

    values: NDArray[Any]
    lengths: NDArray[np.int64]

    @classmethod
    def of(cls, rows: Sequence[NDArray[Any]]) -> Ragged:
        """Concatenate rows; arrays of any shape are flattened."""
        flat = [np.asarray(row).ravel() for row in rows]
        values = np.concatenate(flat) if flat else np.zeros(0)
        return cls(values, np.array([len(row) for row in flat], dtype=np.int64))

    def __len__(self) -> int:
        return len(self.lengths)

    def rows(self) -> list[NDArray[Any]]:
        """Return the values split into rows."""
        return np.split(self.values, np.cumsum(self.lengths))[: len(self)]

    def take(self, order: NDArray[np.int64]) -> Ragged:
        """Return the rows with the given indices, in that order."""
        starts, lengths = (np.cumsum(self.lengths) - self.lengths)[order], self.lengths[order]
        before = np.cumsum(lengths) - lengths
        index = np.repeat(starts - before, lengths) + np.arange(lengths.sum())
        return Ragged(self.values[index], lengths)


Column = NDArray[Any] | Ragged


class Answers:
    """Answers to M queries.

    Args:
        probabilities: whether scores are probabilities, so that calibration can be measured.
        about: facts for the record, such as the number of parameters.
        arrays: an array (M, width) for each answered field, or `Ragged` if the field has no width; None is skipped.

    >>> answers = Answers(boxes=np.zeros((2, 729), np.float32), about={"parameters": 0})
    >>> len(answers), sorted(answers.arrays)
    (2, ['boxes'])
    """

    def __init__(self, *, probabilities: bool = False, about: Mapping[str, Any] | None = None, **arrays: Column | None) -> None:
        self.probabilities = probabilities
        self.about: Mapping[str, Any] = about or {}
        self.arrays: dict[str, Column] = {name: array for name, array in arrays.items() if array is not None}

    @classmethod
    def of(cls, arrays: Mapping[str, Column], probabilities: bool = False, about: Mapping[str, Any] | None = None) -> Answers:
        """Build answers from a mapping of field names to arrays."""
        answers = cls(probabilities=probabilities, about=about)
        answers.arrays.update(arrays)
        return answers

    def __len__(self) -> int:
        return max((len(array) for array in self.arrays.values()), default=0)

    def get(self, name: str) -> NDArray[Any] | None:
        """Return the values of a field as an array; None if the field was not answered."""
        array = self.arrays.get(name)
        return array.values if isinstance(array, Ragged) else array

    def rows(self, name: str) -> list[NDArray[Any]]:
        """Return the rows of a field, one array per query.

        Raises:
            DataError: the field was not answered.
        """
        if name not in self.arrays:
            msg = f"expected answers with {name!r}, got {', '.join(self.arrays) or 'none'}"
            raise DataError(msg)
        array = self.arrays[name]
        return array.rows() if isinstance(array, Ragged) else list(array)

    def take(self, order: NDArray[np.int64]) -> Answers:
        """Return the answers to the queries with the given indices, in that order."""
        taken = {name: array.take(order) if isinstance(array, Ragged) else array[order] for name, array in self.arrays.items()}
        return Answers.of(taken, self.probabilities, self.about)

    def only(self, names: Collection[str]) -> Answers:
        """Return the answers with some of their fields."""
        return Answers.of({name: self.arrays[name] for name in self.arrays if name in names}, self.probabilities, self.about)

    def in_manifest_order(self, order: NDArray[np.int64]) -> Answers:
        """Return the answers sorted by row of the manifest; order (M,) is the manifest row of each query."""
        return self.take(np.argsort(order))


def check_answers(answers: Answers, fields: Sequence[Field], queries: int) -> None:
    """Check names, shapes and values.

    Raises:
        DataError: an array is unknown, has a wrong shape, is not finite, or fails the check of its field.
    """
    known = {field.name: field for field in fields}
    for name, array in answers.arrays.items():
        if name not in known:
            msg = f"unknown answers {name!r} (valid: {', '.join(known)})"
            raise DataError(msg)
        _check_column(known[name], array, queries)


def _check_column(field: Field, array: Column, queries: int) -> None:
    if isinstance(array, Ragged) != (field.width is None):
        msg = f"expected {field.name} as {'Ragged' if field.width is None else 'an array'}, got {type(array).__name__}"
        raise DataError(msg)
    values = array.values if isinstance(array, Ragged) else array
    expected = (queries,) if isinstance(array, Ragged) else (queries, field.width)
    shape = (len(array),) if isinstance(array, Ragged) else array.shape
    if shape != expected:
        msg = f"expected {field.name} of shape {expected}, got {shape}"
        raise DataError(msg)
    if isinstance(array, Ragged):
        _check_lengths(field.name, array)
    if not np.isfinite(values).all():
        invalid = ~np.isfinite(values).reshape(len(values), -1).all(axis=1)
        rows = (
            np.unique(np.repeat(np.arange(queries), array.lengths)[invalid])
            if isinstance(array, Ragged)
            else np.flatnonzero(invalid)
        )
        msg = f"{field.name} holds NaN or infinite values in {len(rows)} rows, the first is {rows[0]}"
        raise DataError(msg)
    if field.check is not None and (problem := field.check(values)):
        raise DataError(problem)


def _check_lengths(name: str, array: Ragged) -> None:
    if (array.lengths < 0).any():
        msg = f"lengths of {name} must not be negative, got {array.lengths.min()}"
        raise DataError(msg)
    if array.values.shape != (array.lengths.sum(),):
        msg = f"lengths of {name} add up to {array.lengths.sum()}, but it has {array.values.size} values"
        raise DataError(msg)


def save_answers(path: Path, answers: Answers, source: Mapping[str, str], queries: int) -> None:
    """Write answers and their source (manifest, method, seed, weights); the bytes depend on the content only.

    Args:
        path: the Parquet file, one row per query.
        answers: answers; empty for a method that failed.
        source: written to the metadata, and compared when the file is read.
        queries: number of rows.
    """
    columns = {name: packed(array) for name, array in answers.arrays.items()}
    table = pa.table({QUERY: np.arange(queries if columns else 0), **columns})
    about = {**source, PROBABILITIES: str(answers.probabilities).lower()}
    with written_whole(path) as temporary:
        pq.write_table(table.replace_schema_metadata(about), temporary, compression="zstd", use_dictionary=False)


def packed(array: Column) -> pa.Array:
    """Return an array as a column of a Parquet file."""
    if isinstance(array, Ragged):
        offsets = np.concatenate([[0], np.cumsum(array.lengths)])
        return pa.LargeListArray.from_arrays(offsets, np.ascontiguousarray(array.values))
    flat = np.ascontiguousarray(array)
    return pa.FixedSizeListArray.from_arrays(flat.reshape(-1), flat.shape[1])


def load_answers(path: Path, fields: Sequence[Field], source: Mapping[str, str], queries: int) -> Answers:
    """Read and check answers.

    Raises:
        DataError: the file is damaged, has another source, lacks queries, or contains invalid values.
    """
    table = read_parquet(path)
    about = check_source(path, table, source)
    names = [field.name for field in fields if field.name in table.column_names]
    if names and not np.array_equal(table[QUERY].to_numpy(), np.arange(queries)):
        msg = f"{path} must contain queries 0 to {queries - 1} in this order, but has {table.num_rows} rows"
        raise DataError(msg)
    widths = {field.name: field.width for field in fields}
    arrays = {name: unpacked(table[name].combine_chunks(), widths[name]) for name in names}
    answers = Answers.of(arrays, about.get(PROBABILITIES) == "true")
    check_answers(answers, fields, queries)
    return answers


def joined(parts: Sequence[Answers]) -> Answers:
    """Return the answers of all parts, one after the other; all must have the same fields."""
    arrays: dict[str, Column] = {}
    for name, first in parts[0].arrays.items():
        every = [part.arrays[name] for part in parts]
        if isinstance(first, Ragged):
            values, lengths = ([getattr(one, kind) for one in every] for kind in ("values", "lengths"))
            arrays[name] = Ragged(np.concatenate(values), np.concatenate(lengths))
        else:
            arrays[name] = np.concatenate([np.asarray(one) for one in every])
    return Answers.of(arrays, parts[0].probabilities, parts[0].about)


def answers_digest(answers: Answers) -> str:
    """Return the SHA-256 of the fields of answers, by which copies are recognised."""
    digest = hashlib.sha256()
    for name, array in sorted(answers.arrays.items()):
        parts = [array.values, array.lengths] if isinstance(array, Ragged) else [array]
        digest.update(name.encode() + b"\0" + b"".join(np.ascontiguousarray(part).tobytes() for part in parts))
    return digest.hexdigest()


def check_source(path: Path, table: pa.Table, source: Mapping[str, str]) -> dict[str, str]:
    """Return the metadata of a table.

    Raises:
        DataError: the table was computed from another source.
    """
    about = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
    for name, expected in source.items():
        if about.get(name) != expected:
            msg = f"{path} was computed with {name} {about.get(name)}, expected {expected}; predict again"
            raise DataError(msg)
    return about


def unpacked(column: pa.Array, width: int | None) -> Column:
    """Return a column of a Parquet file as an array (M, width), or as `Ragged` without a width."""
    values = column.flatten().to_numpy()
    if width is None:
        return Ragged(values, np.diff(column.offsets.to_numpy()))
    return np.asarray(values).reshape(len(column), -1)
