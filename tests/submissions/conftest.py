"""A small board as the workflow leaves it, and a submission for it that is in order."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from atombench import PROTOCOL
from atombench.submissions.boards import BoardName, Questions
from atombench.tasks.atom.geometry import BOXES
from atombench.tasks.atom.manifest import Manifest, make_manifest
from atombench.volumes.volume_set import VolumeSet
from tests.conftest import volume_set

NAME = "good-one"
FILE = "predictions/a.npz"


@dataclass(frozen=True)
class Board:
    """A board in a folder of results."""

    results: Path
    volumes: VolumeSet
    manifest: Manifest
    asked: Questions

    @property
    def name(self) -> str:
        return str(self.asked.board)

    def answers(self, seed: int = 0) -> dict[str, Any]:
        """Arrays of a file of answers that is in order."""
        scores = np.random.default_rng(seed).random((len(self.asked.ids), BOXES), dtype=np.float32)
        return {"query": np.array(self.asked.ids), "boxes": scores}

    def facts(self) -> dict[str, Any]:
        """What submission.yaml of a submission says that is in order."""
        line = {"title": "Good", "note": "a note", "team": "we", "licence": "MIT", "training_data": "none", "compute": "none"}
        address = dict.fromkeys(("contact", "paper", "code", "commit"), "none")
        board = {"board": self.name, "queries": self.asked.digest, "predictions": [{"seed": 1, "file": FILE}]}
        return {
            "submission_version": 1, "protocol": PROTOCOL, "name": NAME, **line, **address, "parameters": 0, "seeds": [1],
            "boards": [board],
        }  # fmt: skip

    def submission(self, place: Path) -> Path:
        """Write a submission that is in order."""
        folder = place / NAME
        (folder / "predictions").mkdir(parents=True)
        write_yaml(folder, self.facts())
        np.savez(folder / FILE, **self.answers())
        return folder


def write_yaml(folder: Path, facts: Any) -> None:
    """Write submission.yaml, as JSON, which is YAML too."""
    (folder / "submission.yaml").write_text(json.dumps(facts, indent=1))


def saved(results: Path, volumes: VolumeSet, gathering: str = "hard") -> Board:
    """Put volumes and a manifest where the workflow would."""
    manifest = make_manifest(volumes, gathering, "none", 1)
    places = BoardName.of(manifest).files(results)
    for place in places:
        place.parent.mkdir(parents=True, exist_ok=True)
    volumes.save(places[0])
    manifest.save(places[1])
    return Board(results, volumes, manifest, Questions.of(volumes, manifest))


@pytest.fixture(scope="session")
def board(tmp_path_factory: pytest.TempPathFactory) -> Board:
    return saved(tmp_path_factory.mktemp("board") / "results", volume_set((6, 3, 3)))
