"""Manifests of boards: the queries of training, validation and test, with one digest over everything."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from atombench.errors import DataError
from atombench.io.files import written_whole
from atombench.io.parquet import read_parquet
from atombench.records.board import Board
from atombench.volumes.volume_set import SPLITS

Columns = Mapping[str, NDArray[Any]]


def rows_digest(header: Sequence[object], parts: Mapping[str, tuple[int, Iterable[tuple[NDArray[Any], str]]]]) -> str:
    """Return the SHA-256 of a header and all rows.

    Args:
        header: printable parts, such as the protocol version.
        parts: number of rows, and columns, of each part; a column is an array and the NumPy type in which it is hashed.
    """
    digest = hashlib.sha256("\x1f".join(str(part) for part in header).encode())
    for name, (count, columns) in parts.items():
        digest.update(f"\0{name}\0{count}\0".encode())
        for column, kind in columns:
            digest.update(np.ascontiguousarray(column, dtype=kind).tobytes())
    return digest.hexdigest()


@dataclass(frozen=True)
class TableManifest:
    """A manifest with arbitrary columns, for tasks that do not define their own.

    Attributes:
        board: the board of the manifest.
        protocol: protocol version of the task.
        data_digest: digest of the curated data.
        parts: columns of `train`, `val` and `test`, each an array (M,) or (M, width).
    """

    board: Board
    protocol: str
    data_digest: str
    parts: Mapping[str, Columns]

    @property
    def counts(self) -> dict[str, int]:
        """Number of rows of each part."""
        return {part: max((len(column) for column in self.parts[part].values()), default=0) for part in SPLITS}

    @cached_property
    def digest(self) -> str:
        """SHA-256 of protocol version, board, data and all rows."""
        columns = {
            part: (self.counts[part], [(column, column.dtype.newbyteorder("<").str) for _, column in sorted(rows.items())])
            for part, rows in self.parts.items()
        }
        return rows_digest((self.protocol, self.board.key, self.data_digest), columns)

    def summary(self) -> dict[str, Any]:
        """Return additional facts about the manifest; there are none."""
        return {}

    def save(self, path: Path) -> None:
        """Write the manifest as Parquet; the bytes depend on the content only."""
        parts = np.repeat(np.arange(len(SPLITS), dtype=np.int8), [self.counts[part] for part in SPLITS])
        columns: dict[str, Any] = {"split": pa.DictionaryArray.from_arrays(parts, list(SPLITS))}
        for name in self.parts["test"]:
            whole = np.ascontiguousarray(np.concatenate([self.parts[part][name] for part in SPLITS]))
            columns[name] = whole if whole.ndim == 1 else pa.FixedSizeListArray.from_arrays(whole.reshape(-1), whole.shape[1])
        about = {"protocol": self.protocol, "board": self.board.key, "data": self.data_digest, "digest": self.digest}
        with written_whole(path) as temporary:
            pq.write_table(pa.table(columns).replace_schema_metadata(about), temporary, compression="zstd")

    @classmethod
    def load(cls, path: Path, protocol: str) -> TableManifest:
        """Read a file written by `save` and check its digest.

        Raises:
            DataError: the file is missing or damaged, has another protocol version, or does not match its digest.
        """
        table = read_parquet(path)
        about = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
        if about.get("protocol") != protocol:
            msg = f"{path} has protocol {about.get('protocol')!r}, expected {protocol!r}; delete it and split again"
            raise DataError(msg)
        names = table["split"].to_pandas().to_numpy()
        columns = {name: _unpacked(table[name].combine_chunks()) for name in table.column_names if name != "split"}
        parts = {part: {name: column[names == part] for name, column in columns.items()} for part in SPLITS}
        manifest = cls(Board.read(about["board"]), protocol, about["data"], parts)
        if manifest.digest != about["digest"]:
            msg = f"{path} has digest {manifest.digest}, its metadata state {about['digest']}; delete it and split again"
            raise DataError(msg)
        return manifest


def _unpacked(column: pa.Array) -> NDArray[Any]:
    if pa.types.is_fixed_size_list(column.type):
        return np.asarray(column.flatten().to_numpy()).reshape(len(column), -1)
    return np.asarray(column.to_numpy(zero_copy_only=False))
