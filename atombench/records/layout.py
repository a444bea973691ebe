"""Definition of every path in `results/` and `logs/`.

Paths are joined as text, so wildcards such as `{dataset}` are preserved and the rules of the workflow use the same names.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from atombench.records.board import Board
from atombench.records.run import Run

VERSION = 2  # of the folder structure; run lists state it, so that versions are never mixed
TRAINED = ("weights.safetensors", "curve.jsonl", "training.json")
ANSWERED = ("predictions.parquet", "predicting.json", "swaps.parquet")
RECORD = "record.json"


@dataclass(frozen=True)
class Layout:
    """Paths of a results folder."""

    results: Path = Path("results")
    logs: Path = Path("logs")

    def source(self, dataset: str) -> Path:
        """Receipt of a dataset's source files."""
        return self.results / "data" / dataset / "source.json"

    def curated(self, dataset: str, form: str) -> Path:
        """Folder of a dataset in one curated form: data, index and audit."""
        return self.results / "data" / dataset / form

    def board(self, board: Board) -> Path:
        """Folder of a board: manifest, audit and runs."""
        return self.results / board.path

    def manifest(self, board: Board) -> Path:
        """Poses of a board's queries (Parquet)."""
        return self.board(board) / "manifest.parquet"

    def queries(self, board: Board) -> Path:
        """Folder of a board's queries for submitters."""
        return self.results / "queries" / board.path

    def trained(self, run: Run) -> Path:
        """Folder of the outputs of one training, shared by all conditions."""
        return self.board(run.board) / run.method / f"seed{run.seed}"

    def answered(self, run: Run) -> Path:
        """Folder of the answers and the record of a run under its condition."""
        return self.trained(run) / run.condition

    def record(self, run: Run) -> Path:
        """Result record of a run."""
        return self.answered(run) / RECORD

    def checkpoint(self, run: Run) -> Path:
        """State of a training; not among its outputs, because the workflow deletes those before a job."""
        return self.results / "checkpoints" / f"{run.board.slug}-{run.method}-{run.seed}.safetensors"

    def run_list(self, name: str) -> Path:
        """List of the records of a finished configuration."""
        return self.results / "runs" / f"{name}.json"

    def log(self, step: str, run: Run, form: str = "") -> Path:
        """Log of a step of a run; `form` is the curated form that the board needs."""
        board, method = run.board.slug, f"{run.board.slug}-{run.method}-{run.seed}"
        names = {"fetch": run.dataset, "curate": f"{run.dataset}-{form}", "split": board, "train": method}
        return self.logs / step / f"{names.get(step, f'{method}-{run.condition}')}.log"
