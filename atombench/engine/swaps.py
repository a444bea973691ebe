"""Exchanged inputs: does a method use the volume, and does it use the section?

A learned method answers the test queries twice more: once with each volume replaced by another test volume, once with each
section replaced by one from another volume. Truth stays that of the query. A method that does not fall when volumes are
exchanged does not look at them (it is volume-blind), whatever it scores.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from atombench.engine.answers import check_source
from atombench.engine.contract import Method, Predictions, Resources, Weights
from atombench.errors import DataError
from atombench.io.files import written_whole
from atombench.tasks.atom.manifest import read_parquet
from atombench.tasks.atom.poses import pose_scores
from atombench.tasks.atom.queries import Queries

Swap = Literal["volume-swap", "section-swap"]
SWAPS: tuple[Swap, ...] = ("volume-swap", "section-swap")
KEPT = 10  # best boxes kept of each answer

Best = NDArray[np.int16]


def swapped(queries: Queries, swap: Swap) -> Queries:
    """Queries with volumes, or sections, exchanged between volumes: each case gets those of the case half a set further on.

    Raises:
        DataError: there is only one volume.
        ValueError: the swap is unknown.
    """
    if len(queries.volumes) < 2:
        raise DataError("exchanging inputs needs at least two test volumes")
    if swap == "volume-swap":
        return dataclasses.replace(queries, volumes=np.roll(queries.volumes, len(queries.volumes) // 2, axis=0))
    if swap == "section-swap":
        return dataclasses.replace(queries, pixels=np.roll(queries.pixels, len(queries) // 2, axis=0))
    msg = f"expected a swap of {SWAPS}, got {swap!r}"
    raise ValueError(msg)


def best_boxes(predictions: Predictions, queries: Queries) -> Best:
    """The best boxes of each answer, ties by index; (M, 10)."""
    scores = predictions.boxes
    if scores is None:
        scores = pose_scores(np.asarray(predictions.centres), np.asarray(predictions.normals), queries.grid)[0]
    return np.argsort(-scores, axis=1, kind="stable")[:, :KEPT].astype(np.int16)


def answer_swapped(method: Method, weights: Weights, queries: Queries, resources: Resources) -> dict[Swap, Best]:
    """Best boxes under each swap, in the order of the queries; nothing where there is only one volume."""
    answers: dict[Swap, Best] = {}
    for swap in SWAPS if len(queries.volumes) > 1 else ():
        exchanged = swapped(queries, swap)
        answers[swap] = best_boxes(method.predict(weights, exchanged, resources), exchanged)
    return answers


def save_swaps(path: Path, answers: dict[Swap, Best], order: NDArray[np.int64], source: dict[str, str]) -> None:
    """Write answers in the order of the manifest; order (M,) is the row of the test part of each query."""
    back = np.argsort(order)
    columns: dict[str, Any] = {"section": np.arange(len(order))}
    for swap, best in answers.items():
        columns[swap] = pa.FixedSizeListArray.from_arrays(np.ascontiguousarray(best[back]).reshape(-1), KEPT)
    table = pa.table(columns)
    with written_whole(path) as temporary:
        pq.write_table(table.replace_schema_metadata(source), temporary, compression="zstd")


def load_swaps(path: Path, source: dict[str, str], sections: int) -> dict[Swap, Best]:
    """Read what `save_swaps` wrote.

    Raises:
        DataError: the file is damaged or comes from something else.
    """
    table = read_parquet(path)
    check_source(path, table, source)
    if table.num_rows != sections:
        msg = f"{path} must hold {sections} sections, it holds {table.num_rows}"
        raise DataError(msg)
    answers: dict[Swap, Best] = {}
    for swap in SWAPS:
        if swap in table.column_names:
            answers[swap] = table[swap].combine_chunks().flatten().to_numpy().reshape(sections, -1)
    return answers
