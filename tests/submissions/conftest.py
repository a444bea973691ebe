"""A small board as written by the workflow, and a valid submission for it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from atombench.records.layout import Layout
from atombench.submissions.questions import MadeBoard, Questions
from atombench.tasks.atom.board import AtomBoard
from atombench.tasks.atom.geometry import BOXES
from atombench.tasks.atom.manifest import Manifest, make_manifest
from atombench.tasks.atom.protocol import PROTOCOL
from atombench.tasks.atom.task import ATOM
from atombench.volumes.curated import Curated
from atombench.volumes.volume_set import VolumeSet
from tests.conftest import volume_set

NAME = "good-one"
FILE = "predictions/a.npz"


@dataclass(frozen=True)
class Board:
    """A board in a folder of results."""

    results: Path
    made: MadeBoard
    questions: Questions

    @property
    def name(self) -> str:
        return self.made.board.key

    @property
    def data(self) -> Curated:
        return self.made.data

    @property
    def manifest(self) -> Manifest:
        return self.made.manifest

    @property
    def queries(self) -> Any:
        """Queries of the board."""
        return self.questions.asked.queries

    def answers(self, seed: int = 0) -> dict[str, Any]:
        """Return the arrays of a valid prediction file."""
        scores = np.random.default_rng(seed).random((len(self.questions.ids), BOXES), dtype=np.float32)
        return {"query": np.array(self.questions.ids), "boxes": scores}

    def facts(self) -> dict[str, Any]:
        """Return the content of a valid submission.yaml."""
        line = {"title": "Good", "note": "a note", "team": "we", "licence": "MIT", "training_data": "none", "compute": "none"}
        address = dict.fromkeys(("contact", "paper", "code", "commit"), "none")
        board = {"board": self.name, "queries": self.questions.digest, "predictions": [{"seed": 1, "file": FILE}]}
        return {
            "submission_version": 1,
            "protocol": PROTOCOL,
            "name": NAME,
            **line,
            **address,
            "parameters": 0,
            "seeds": [1],
            "boards": [board],
        }

    def submission(self, place: Path) -> Path:
        """Write a valid submission."""
        folder = place / NAME
        (folder / "predictions").mkdir(parents=True)
        write_yaml(folder, self.facts())
        np.savez(folder / FILE, **self.answers())
        return folder


def write_yaml(folder: Path, facts: Any) -> None:
    """Write submission.yaml as JSON, which is valid YAML."""
    (folder / "submission.yaml").write_text(json.dumps(facts, indent=1))


def saved(results: Path, volumes: VolumeSet, gathering: str = "hard") -> Board:
    """Write volumes and a manifest to the paths that the workflow uses."""
    data, layout = Curated.of(volumes, "cube20"), Layout(results)
    manifest = make_manifest(data, AtomBoard(gathering, "none", 1))
    data.save(layout.curated(volumes.dataset, "cube20"))
    manifest.save(layout.manifest(manifest.board))
    made = MadeBoard(manifest.board, ATOM, data, manifest)
    return Board(results, made, Questions.of(made))


@pytest.fixture(scope="session")
def board(tmp_path_factory: pytest.TempPathFactory) -> Board:
    return saved(tmp_path_factory.mktemp("board") / "results", volume_set((6, 3, 3)))
