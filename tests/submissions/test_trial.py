"""A trial runs a method and all controls on a small board, and reports what is wrong."""

from pathlib import Path

import pytest

from atombench.commands import trial
from atombench.errors import ConfigError, DataError
from atombench.submissions.new_method import new_method
from atombench.submissions.trial import small_board
from atombench.tasks.atom.task import ATOM
from atombench.volumes.registry import read_registry
from tests.conftest import ROOT
from tests.submissions.conftest import Board

REGISTRY = ROOT / "config/datasets.yaml"


def test_the_table_lists_the_method_and_the_controls(
    board: Board, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trial on a still smaller board, with controls that need no training; a test of docs/submitting.md makes a whole one."""
    monkeypatch.setattr("atombench.submissions.trial.small_board", lambda task, rows: board.made)
    kept = {name: ATOM.registry.build(name, {}) for name in ("random", "constant", "oracle-coarse")}
    monkeypatch.setattr("atombench.submissions.trial._controls", lambda task: kept)
    folder = new_method("grey-thing", tmp_path)
    trial.run(folder, REGISTRY)
    lines = capsys.readouterr().out.splitlines()
    assert {line.split()[1] for line in lines[1:-1]} == {"grey-thing", *kept, "chance"}
    assert "504 queries" in lines[-1]
    method = folder / "method.py"
    method.write_text(method.read_text().replace("def predict(", "def predict_(", 1))
    with pytest.raises(DataError, match="no attribute 'predict'"):
        trial.run(folder, REGISTRY)
    assert "grey-thing" in capsys.readouterr().out


def test_predictions_cannot_be_tried(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"has no method that could be tried: submission\.yaml: is missing"):
        trial.run(tmp_path / "empty", REGISTRY)


def test_a_task_without_a_small_board_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("atombench.tasks.atom.task.Atom.small", None)
    with pytest.raises(ConfigError, match="the task atom has no small board"):
        small_board(ATOM, read_registry(REGISTRY))
