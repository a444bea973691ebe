"""Validating and scoring a submission to the largest board of the paper (VesselMNIST3D's 64 176 queries).

Volumes are replaced by noise of the same size. Dense scores of all 729 boxes as Parquet are the largest form, and the ten best
boxes as CSV are a common one. The reference is the time of only reading the file with its library.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.csv
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).parents[1]))

from atombench.engine.answers import Answers
from atombench.submissions.export import export_answers
from atombench.submissions.guarded import guarded_validate
from atombench.submissions.score import score
from benchmarks.timing import median_seconds
from tests.conftest import volume_set
from tests.submissions.conftest import Board, saved, write_yaml

TEST_VOLUMES = 382


def main() -> None:
    """Print the times of validation and scoring for two forms of answers."""
    with tempfile.TemporaryDirectory() as folder_name:
        board = made(Path(folder_name))
        for suffix in ("parquet", "csv"):
            folder, read = submission(board, Path(folder_name), suffix)
            alone = median_seconds(read)
            checked = median_seconds(lambda folder=folder: check_valid(folder, board))
            scored = median_seconds(lambda folder=folder: list(score(folder, board.results)))
            count = len(board.questions.ids)
            sys.stdout.write(
                f"{suffix}, {count} rows: validate {checked:.2f} s ({checked / alone:.1f} times as long as reading"
                f" the file), score {scored:.2f} s ({scored / alone:.1f} times)\n"
            )


def made(place: Path) -> Board:
    noise = np.random.default_rng(0).random((TEST_VOLUMES + 8, 20, 20, 20), dtype=np.float32)
    return saved(place / "results", volume_set((5, 3, TEST_VOLUMES), noise))


def submission(board: Board, place: Path, suffix: str) -> tuple[Path, Callable[[], object]]:
    folder = place / suffix / "good-one"
    (folder / "predictions").mkdir(parents=True)
    path, count = folder / f"predictions/a.{suffix}", len(board.questions.ids)
    rng = np.random.default_rng(1)
    if suffix == "parquet":
        export_answers(Answers(boxes=rng.random((count, 729), dtype=np.float32)), board.made, path)
    else:
        ranked = np.argsort(rng.random((count, 729)), axis=1)[:, :10]
        scores = np.sort(rng.random((count, 10)))[:, ::-1]
        columns = {f"ranked_{n}": ranked[:, n] for n in range(10)} | {f"scores_{n}": scores[:, n] for n in range(10)}
        pd.DataFrame({"query": board.questions.ids, **columns}).to_csv(path, index=False)
    facts = json.loads(json.dumps(board.facts()))
    facts["boards"][0]["predictions"][0]["file"] = f"predictions/a.{suffix}"
    write_yaml(folder, facts)
    return folder, (lambda: pq.read_table(path)) if suffix == "parquet" else (lambda: pyarrow.csv.read_csv(path))


def check_valid(folder: Path, board: Board) -> None:
    _, problems = guarded_validate(folder, results=board.results)
    if problems:
        raise SystemExit("\n".join(problems))


if __name__ == "__main__":
    main()
