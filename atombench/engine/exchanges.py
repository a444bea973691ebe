"""Exchanged cases: test whether a method uses each of its inputs.

The queries of a board are answered in one call together with exchanged cases, in an order that does not tell them apart: the
same section with another volume (`volume-swap`), the same volume with another section (`section-swap`), or a volume that has
been moved together with its labels (`shift`). A method that does not get worse when an input is exchanged does not use it,
whatever its score; a method that gets worse when the volume moves recites positions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from atombench.engine.answers import QUERY, Answers, Field, check_source, packed, unpacked
from atombench.errors import DataError
from atombench.io.files import written_whole
from atombench.io.parquet import read_parquet

TRUE = "true"
EXCHANGE = "exchange"
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Mixed:
    """True and exchanged cases in one set of queries.

    Attributes:
        queries: queries of the task, as a method receives them.
        rows: position in `queries` of each case, int64 (K,), by name of the exchange; `true` for the queries themselves.
        asked: which query each case asks about, int64 (K,), by name of the exchange; 0 .. M-1 in order for `true`.
        arrays: arrays of the cases for submitters, by name; empty if they are those of the queries alone.
    """

    queries: Any
    rows: Mapping[str, Rows]
    asked: Mapping[str, Rows]
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    def __len__(self) -> int:
        return sum(len(rows) for rows in self.rows.values())

    @classmethod
    def only(cls, queries: Any, count: int) -> Mixed:
        """Return queries without exchanged cases."""
        every = np.arange(count)
        return cls(queries, {TRUE: every}, {TRUE: every})


@dataclass(frozen=True)
class Exchanged:
    """The stored part of the answers to one exchange.

    Attributes:
        asked: row of the manifest's test part that each case asks about, int64 (K,).
        answers: answers to the K cases.
    """

    asked: Rows
    answers: Answers


class Exchangeable(Protocol):
    """The part of a task that exchanging uses."""

    answers: ClassVar[tuple[Field, ...]]
    kept_fields: ClassVar[tuple[Field, ...]]

    def kept(self, answers: Answers, queries: Any) -> Answers:
        """Return the part of the answers that is stored."""


def split_answers(
    task: Exchangeable, answers: Answers, mixed: Mixed, order: NDArray[np.int64]
) -> tuple[Answers, dict[str, Exchanged]]:
    """Split the answers to mixed cases.

    Args:
        task: task of the board.
        answers: answers to `mixed.queries`.
        mixed: the cases.
        order: (M,), row of the manifest's test part of each query.

    Returns:
        The answers to the true queries in the order of the manifest, and what is stored of the others by name of the exchange.
    """
    true = answers.take(mixed.rows[TRUE]).in_manifest_order(order)
    kept = {
        name: Exchanged(order[mixed.asked[name]], task.kept(answers.take(rows), mixed.queries))
        for name, rows in mixed.rows.items()
        if name != TRUE
    }
    return true, kept


def save_exchanged(path: Path, kept: Mapping[str, Exchanged], source: Mapping[str, str]) -> None:
    """Write the stored part of answers to exchanged cases: a row per case with its exchange and row of the manifest."""
    tables = []
    for name, exchanged in kept.items():
        columns = {field: packed(array) for field, array in exchanged.answers.arrays.items()}
        tables.append(pa.table({EXCHANGE: [name] * len(exchanged.asked), QUERY: exchanged.asked, **columns}))
    table = pa.concat_tables(tables) if tables else pa.table({EXCHANGE: pa.array([], pa.string())})
    with written_whole(path) as temporary:
        pq.write_table(table.replace_schema_metadata(dict(source)), temporary, compression="zstd", use_dictionary=[EXCHANGE])


def load_exchanged(path: Path, task: Exchangeable, source: Mapping[str, str], queries: int) -> dict[str, Exchanged]:
    """Read a file written by `save_exchanged`.

    Raises:
        DataError: the file is damaged, or was computed from other data or by another method.
    """
    table = read_parquet(path)
    check_source(path, table, source)
    fields: Sequence[Field] = task.kept_fields or task.answers
    names = table[EXCHANGE].to_pylist() if EXCHANGE in table.column_names else []
    kept: dict[str, Exchanged] = {}
    for name in dict.fromkeys(names):
        part = table.filter(pa.array([other == name for other in names]))
        asked = part[QUERY].to_numpy()
        if len(np.unique(asked)) != len(asked) or asked.min() < 0 or asked.max() >= queries:
            msg = f"{path}: the cases of {name} must ask about different queries from 0 to {queries - 1}"
            raise DataError(msg)
        present = [field for field in fields if field.name in part.column_names]
        arrays = {field.name: unpacked(part[field.name].combine_chunks(), field.width) for field in present}
        kept[name] = Exchanged(asked, Answers.of(arrays))
    return kept
