"""Export answers of a run in the submission format: identified by query name, without poses or labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from atombench.engine.answers import QUERY, Answers, packed
from atombench.io.files import written_whole
from atombench.submissions.form import form_of
from atombench.submissions.questions import query_ids
from atombench.tasks.made_board import MadeBoard


def export_answers(answers: Answers, made: MadeBoard, out: Path) -> None:
    """Write answers as a Parquet file that `atombench validate` accepts.

    Args:
        answers: in manifest order of the test queries.
        made: the board with its data and manifest.
        out: output file.
    """
    order = made.task.queries(made.data, made.manifest).order
    columns: dict[str, Any] = {QUERY: pa.array(query_ids(made.manifest, made.task.protocol))}
    exported = form_of(made.task).exported(answers.take(order))
    columns |= {name: packed(array) for name, array in exported.items()}
    with written_whole(out) as temporary:
        pq.write_table(pa.table(columns), temporary, compression="zstd", use_dictionary=False)
