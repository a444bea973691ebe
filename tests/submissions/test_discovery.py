"""Tests of the discovery of submissions: valid ones are scored, broken ones are omitted with a reason."""

from pathlib import Path

import pytest

from atombench.records.board import Board as BoardName
from atombench.submissions.discovery import pick_up
from tests.submissions.conftest import FILE, NAME, Board, write_yaml

HARD, EASY = (BoardName("atom", "toy", f"{gathering}-none-x1") for gathering in ("hard", "easy"))


def test_predictions_for_the_boards_of_a_run_are_found(board: Board, tmp_path: Path) -> None:
    folder = board.submission(tmp_path)
    picked = pick_up([HARD, EASY], root=tmp_path)
    (run,) = picked.files
    assert run.key == f"atom/toy/hard-none-x1/clean/{NAME}/seed1"
    assert picked.files[run] == folder / FILE
    assert picked.names == [NAME]
    assert picked.left_out == []
    assert pick_up([EASY], root=tmp_path).files == {}
    assert pick_up([], root=tmp_path / "nowhere").files == {}


@pytest.mark.parametrize("name", ["toy/hard-none-x1", "atom/toy/hard-none-x1"])
def test_boards_are_recognised_with_and_without_their_task(name: str, board: Board, tmp_path: Path) -> None:
    folder, facts = board.submission(tmp_path), board.facts()
    write_yaml(folder, {**facts, "boards": [{**facts["boards"][0], "board": name}]})
    assert {run.board for run in pick_up([HARD], root=tmp_path).files} == {HARD}


def test_a_submission_for_an_unknown_task_is_omitted_with_a_reason(board: Board, tmp_path: Path) -> None:
    write_yaml(board.submission(tmp_path), {**board.facts(), "task": "../atom"})
    picked = pick_up([HARD], root=tmp_path)
    assert (picked.files, picked.state) == ({}, {})
    assert "task: unknown task '../atom'; did you mean 'atom'" in picked.left_out[0]


def test_a_broken_folder_is_omitted_with_a_reason(board: Board, tmp_path: Path) -> None:
    folder = board.submission(tmp_path)
    (folder / "submission.yaml").write_text("name: [")
    (tmp_path / "README.md").touch()
    picked = pick_up([HARD], root=tmp_path)
    assert picked.files == {}
    (reason,) = picked.left_out
    assert "not valid YAML" in reason


def test_submissions_with_the_name_of_another_method_are_omitted(board: Board, tmp_path: Path) -> None:
    boards = [HARD]
    folder = board.submission(tmp_path)
    named = pick_up(boards, [NAME], tmp_path)
    assert (named.files, len(named.left_out)) == ({}, 1)
    taken = folder.rename(tmp_path / "constant")
    write_yaml(taken, {**board.facts(), "name": "constant"})
    picked = pick_up(boards, root=tmp_path)
    assert picked.files == {}
    assert "is the name of a built-in method" in picked.left_out[0]


def test_any_change_of_the_files_changes_the_state(board: Board, tmp_path: Path) -> None:
    """A submission rejected because of an extra file is scored again when that file is removed."""
    folder = board.submission(tmp_path)
    boards = [HARD]
    before = pick_up(boards, root=tmp_path).state
    (folder / "run.sh").touch()
    during = pick_up(boards, root=tmp_path).state
    (folder / "run.sh").unlink()
    assert before != during
    assert pick_up(boards, root=tmp_path).state == before
