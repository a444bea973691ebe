"""Validating and scoring a submission of the largest board of the paper's tables (VesselMNIST3D's 64 176 queries).

Noise of the same size stands for the volumes. Dense scores of all 729 boxes as Parquet are the largest form; the best ten as
CSV a common one. The reference is reading the file with its library alone.
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

from atombench.engine.contract import Predictions
from atombench.submissions.export import export_predictions
from atombench.submissions.guarded import guarded_validate
from atombench.submissions.score import score
from benchmarks.timing import median_seconds
from tests.conftest import volume_set
from tests.submissions.conftest import Board, saved, write_yaml

TEST_VOLUMES = 382


def main() -> None:
    """Print seconds of validation and scoring for two forms of answers."""
    with tempfile.TemporaryDirectory() as place:
        board = made(Path(place))
        for suffix in ("parquet", "csv"):
            folder, read = submission(board, Path(place), suffix)
            alone = median_seconds(read)
            checked = median_seconds(lambda folder=folder: in_order(folder, board))
            scored = median_seconds(lambda folder=folder: list(score(folder, board.results)))
            sys.stdout.write(
                f"{suffix}, {len(board.asked.ids)} rows: validate {checked:.2f} s ({checked / alone:.1f} times reading the file"
                f" alone), score {scored:.2f} s ({scored / alone:.1f} times)\n"
            )


def made(place: Path) -> Board:
    noise = np.random.default_rng(0).random((TEST_VOLUMES + 8, 20, 20, 20), dtype=np.float32)
    return saved(place / "results", volume_set((5, 3, TEST_VOLUMES), noise))


def submission(board: Board, place: Path, suffix: str) -> tuple[Path, Callable[[], object]]:
    folder = place / suffix / "good-one"
    (folder / "predictions").mkdir(parents=True)
    path, count = folder / f"predictions/a.{suffix}", len(board.asked.ids)
    rng = np.random.default_rng(1)
    if suffix == "parquet":
        export_predictions(Predictions(boxes=rng.random((count, 729), dtype=np.float32)), board.manifest, path)
    else:
        ranked = np.argsort(rng.random((count, 729)), axis=1)[:, :10]
        scores = np.sort(rng.random((count, 10)))[:, ::-1]
        columns = {f"ranked_{n}": ranked[:, n] for n in range(10)} | {f"scores_{n}": scores[:, n] for n in range(10)}
        pd.DataFrame({"query": board.asked.ids, **columns}).to_csv(path, index=False)
    facts = json.loads(json.dumps(board.facts()))
    facts["boards"][0]["predictions"][0]["file"] = f"predictions/a.{suffix}"
    write_yaml(folder, facts)
    return folder, (lambda: pq.read_table(path)) if suffix == "parquet" else (lambda: pyarrow.csv.read_csv(path))


def in_order(folder: Path, board: Board) -> None:
    _, problems = guarded_validate(folder, results=board.results)
    if problems:
        raise SystemExit("\n".join(problems))


if __name__ == "__main__":
    main()
