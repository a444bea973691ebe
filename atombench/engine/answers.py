"""Predictions on disk: Parquet, one row per test section, in the order of the manifest."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from atombench.engine.contract import Predictions
from atombench.errors import DataError
from atombench.io.files import written_whole
from atombench.tasks.atom.geometry import BLOCKS, BOXES
from atombench.tasks.atom.manifest import read_parquet

COLUMNS = {"boxes": BOXES, "coarse": BLOCKS, "fine": BOXES, "centres": 3, "normals": 3}


def in_manifest_order(predictions: Predictions, order: NDArray[np.int64]) -> Predictions:
    """Sort answers by the section that each query showed; order (M,) is the row of the test part of each query."""
    back = np.argsort(order)
    arrays = {name: getattr(predictions, name) for name in COLUMNS}
    return dataclasses.replace(predictions, **{name: array[back] for name, array in arrays.items() if array is not None})


def save_predictions(path: Path, predictions: Predictions, source: dict[str, str]) -> None:
    """Write predictions and what they come from (manifest, method, seed, weights); the same content gives the same bytes."""
    columns, count = {}, 0
    for name, width in COLUMNS.items():
        array = getattr(predictions, name)
        if array is not None:
            count = len(array)
            columns[name] = pa.FixedSizeListArray.from_arrays(np.ascontiguousarray(array).reshape(-1), width)
    table = pa.table({"section": np.arange(count), **columns})
    about = {**source, "probabilities": str(predictions.probabilities).lower()}
    with written_whole(path) as temporary:
        pq.write_table(table.replace_schema_metadata(about), temporary, compression="zstd", use_dictionary=False)


def save_nothing(path: Path, source: dict[str, str]) -> None:
    """Write a file without answers, for a method that failed."""
    with written_whole(path) as temporary:
        pq.write_table(pa.table({"section": pa.array([], pa.int64())}).replace_schema_metadata(source), temporary)


def check_source(path: Path, table: pa.Table, source: dict[str, str]) -> dict[str, str]:
    """Make sure that a file comes from what it should; gives all that it says of itself.

    Raises:
        DataError: it comes from something else.
    """
    about = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
    for what, expected in source.items():
        if about.get(what) != expected:
            msg = f"{path} comes from {what} {about.get(what)}, expected {expected}; predict again"
            raise DataError(msg)
    return about


def load_predictions(path: Path, source: dict[str, str], sections: int) -> Predictions:
    """Read and check predictions that come from a manifest with this many test sections, a method, a seed and weights.

    Raises:
        DataError: the file is damaged, comes from something else, misses sections, or holds unusable values.
    """
    table = read_parquet(path)
    about = check_source(path, table, source)
    if table.num_rows != sections or not np.array_equal(table["section"].to_numpy(), np.arange(sections)):
        msg = f"{path} must hold sections 0 to {sections - 1} in this order, it holds {table.num_rows} rows"
        raise DataError(msg)
    arrays = {}
    for name in COLUMNS:
        if name in table.column_names:
            values = table[name].combine_chunks()
            arrays[name] = values.flatten().to_numpy().reshape(sections, -1)
    predictions = Predictions(**arrays, probabilities=about.get("probabilities") == "true")
    predictions.check(sections)
    return predictions
