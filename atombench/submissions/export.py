"""Predictions of the platform's own runs as a submission has them: by name of the query, without poses or labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from atombench.engine.contract import Predictions
from atombench.io.files import written_whole
from atombench.submissions.boards import query_ids
from atombench.tasks.atom.manifest import Manifest
from atombench.tasks.atom.queries import query_order

NAMES = {"boxes": "boxes", "coarse": "coarse", "fine": "fine", "centres": "centre", "normals": "normal"}


def export_predictions(predictions: Predictions, manifest: Manifest, out: Path) -> None:
    """Write predictions as a Parquet file that `atombench validate` takes.

    Args:
        predictions: in the order of the manifest's test part.
        manifest: of the board.
        out: the file.
    """
    order = query_order(manifest)
    columns = {"query": pa.array(query_ids(manifest))}
    for ours, theirs in NAMES.items():
        array = getattr(predictions, ours)
        if array is not None:
            flat = np.ascontiguousarray(array[order]).reshape(-1)
            columns[theirs] = pa.FixedSizeListArray.from_arrays(flat, array.shape[1])
    with written_whole(out) as temporary:
        pq.write_table(pa.table(columns), temporary, compression="zstd", use_dictionary=False)
