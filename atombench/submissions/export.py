"""Export answers of a run in the submission format: identified by query name, without poses or labels."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from atombench.engine.answers import QUERY, Answers, joined, packed
from atombench.engine.exchanges import TRUE, Exchanged
from atombench.errors import DataError
from atombench.io.files import written_whole
from atombench.submissions.form import Form, form_of
from atombench.submissions.questions import Questions
from atombench.tasks.made_board import MadeBoard


def export_answers(answers: Answers, exchanged: Mapping[str, Exchanged], made: MadeBoard, out: Path) -> None:
    """Write answers as a Parquet file that `atombench validate` accepts.

    Args:
        answers: in manifest order of the test queries.
        exchanged: stored part of the answers to exchanged cases.
        made: the board with its data and manifest.
        out: output file.

    Raises:
        DataError: the run has no answers to the exchanged cases of the board, or none with the fields of the true ones.
    """
    questions, form = Questions.of(made), form_of(made.task)
    columns: dict[str, Any] = {QUERY: pa.array(questions.ids)}
    exported = form.exported(_in_export_order(answers, exchanged, questions, form))
    columns |= {name: packed(array) for name, array in exported.items()}
    with written_whole(out) as temporary:
        pq.write_table(pa.table(columns), temporary, compression="zstd", use_dictionary=False)


def _in_export_order(answers: Answers, exchanged: Mapping[str, Exchanged], questions: Questions, form: Form) -> Answers:
    """Return the answers to all cases of a board, in the order of their names."""
    order, mixed = questions.asked.order, questions.mixed
    parts, rows = [answers.take(order)], [mixed.rows[TRUE]]
    for name, asked in mixed.asked.items():
        if name == TRUE:
            continue
        found = exchanged.get(name)
        if found is None or not np.array_equal(np.sort(found.asked), np.sort(order[asked])):
            msg = f"the run has no answers to the cases of {name} that this board exports; only learned methods have them"
            raise DataError(msg)
        position = np.argsort(found.asked)[np.searchsorted(np.sort(found.asked), order[asked])]
        parts.append(form.restored(found.answers.take(position), answers))
        rows.append(mixed.rows[name])
    common = set.intersection(*(set(part.arrays) for part in parts))
    if not common:
        msg = f"answers of {', '.join(answers.arrays)} alone cannot be exported: of exchanged cases they are not stored"
        raise DataError(msg)
    kept = [part.only(common) for part in parts]
    return joined(kept).take(np.argsort(np.concatenate(rows)))
