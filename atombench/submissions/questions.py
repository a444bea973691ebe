"""Cases of a board as submitters see them: test queries and exchanged cases, with opaque names and a digest of all."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from atombench.engine.exchanges import Mixed
from atombench.errors import DataError
from atombench.records.board import Board
from atombench.tasks.made_board import MadeBoard
from atombench.tasks.task import Asked, Manifest

ID_DIGITS = 12


@dataclass(frozen=True)
class Questions:
    """Test queries of a board, mixed with exchanged cases that are not marked.

    Attributes:
        board: the board.
        protocol: protocol version of the task.
        asked: the cases, in export order; `order` is that of the true queries alone.
        mixed: which of the cases are the true queries, and which are exchanged.
        ids: name of each case.
    """

    board: Board
    protocol: str
    asked: Asked
    mixed: Mixed
    ids: tuple[str, ...]

    @staticmethod
    def of(made: MadeBoard) -> Questions:
        """Build the cases of a board and name them."""
        asked = made.task.queries(made.data, made.manifest)
        mixed = made.task.mix(asked.queries, made.manifest)
        cases = Asked(mixed.queries, asked.order, mixed.arrays or asked.arrays)
        return Questions(made.board, made.task.protocol, cases, mixed, query_ids(made.manifest, made.task.protocol, len(mixed)))

    @property
    def digest(self) -> str:
        """SHA-256 of protocol version, board, ids and exported arrays."""
        name = f"{self.board.dataset}/{self.board.name}"
        digest = hashlib.sha256("\x1f".join((self.protocol, name, *self.ids)).encode())
        for array in self.asked.arrays.values():
            kind = {"f": "<f4", "i": "<i8", "u": "<i8", "b": "|b1"}[array.dtype.kind]
            digest.update(np.ascontiguousarray(array, dtype=kind).tobytes())
        return digest.hexdigest()


def query_ids(manifest: Manifest, protocol: str, count: int) -> tuple[str, ...]:
    """Return the names of the cases of a board, in export order.

    A name is a hash of the manifest digest (which covers all poses) and the position in the shuffled order. Names differ
    between boards, and a pose cannot be recovered from a name by trial.

    Raises:
        DataError: two queries have the same name.
    """
    texts = (f"{protocol}\x1fquery id\x1f{manifest.digest}\x1f{position}" for position in range(count))
    ids = tuple(hashlib.sha256(text.encode()).hexdigest()[:ID_DIGITS] for text in texts)
    if len(set(ids)) != count:
        msg = f"two queries of {manifest.board} have the same name"
        raise DataError(msg)
    return ids
