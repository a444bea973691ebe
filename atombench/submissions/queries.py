"""Export test queries without labels, as files that any language can read (NumPy arrays, CSV, JSON).

Together with exported training data they suffice to build a model without this package.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from atombench.engine.answers import QUERY
from atombench.errors import DataError
from atombench.io.files import file_digest, save_table, write_json
from atombench.io.schema import read_model
from atombench.submissions.form import form_of
from atombench.submissions.questions import Questions
from atombench.tasks.made_board import MadeBoard

BOARD_FILE = "board.json"
IDS_FILE = "queries.csv"
RESTRICTED = "\n\nThe terms of these data forbid redistribution: do not share this folder."


class BoardFile(BaseModel):
    """`board.json` of a folder of queries."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    queries_version: Literal[2] = 2
    protocol: str
    board: str = Field(description="TASK/DATASET/NAME")
    queries: int = Field(ge=1)
    restricted: bool = Field(description="whether the terms of the data forbid sharing this folder")
    digest: str = Field(pattern="^[0-9a-f]{64}$", description="value of `queries` in a submission")
    files: dict[str, str] = Field(description="SHA-256 of the other files of the test queries")


_BOARD_FILE = TypeAdapter(BoardFile)


def write_queries(made: MadeBoard, out: Path, restricted: bool = False, training: bool = False) -> BoardFile:
    """Write the test queries of a board to a folder, optionally with labelled training and validation queries.

    Raises:
        DataError: the manifest belongs to other data, or a file cannot be written.
    """
    questions, form = Questions.of(made), form_of(made.task)
    columns = {QUERY: questions.ids, **form.query_columns(questions.asked)}
    save_table(out / IDS_FILE, pd.DataFrame(columns))
    names = [IDS_FILE, *form.write(out, made.board, questions.asked, RESTRICTED if restricted else "")]
    content = BoardFile(
        protocol=made.task.protocol,
        board=made.board.key,
        queries=len(questions.ids),
        restricted=restricted,
        digest=questions.digest,
        files={name: file_digest(out / name) for name in sorted(names)},
    )
    if training:
        form.write_training(out, made.data, made.manifest)
    write_json(out / BOARD_FILE, content.model_dump())
    return content


def read_board_file(folder: Path, protocol: str) -> tuple[BoardFile, tuple[str, ...]]:
    """Read the board file of a folder of queries, and the names of its queries.

    Raises:
        DataError: the folder has no queries, has another protocol version, or its list of queries was modified.
    """
    content = read_model(_BOARD_FILE, folder / BOARD_FILE)
    if content.protocol != protocol:
        msg = f"{folder} has protocol {content.protocol}, expected {protocol}; export the queries again"
        raise DataError(msg)
    if file_digest(folder / IDS_FILE) != content.files.get(IDS_FILE):
        msg = f"{folder / IDS_FILE} does not match its checksum in {BOARD_FILE}; export the queries again"
        raise DataError(msg)
    ids = pd.read_csv(folder / IDS_FILE, dtype={QUERY: str})[QUERY]
    return content, tuple(ids)
