"""What lies in leaderboard/submissions reaches the boards of a run, and what is broken there is left out with a reason."""

from pathlib import Path

from atombench.submissions.discovery import pick_up
from tests.submissions.conftest import FILE, NAME, Board, write_yaml


def test_predictions_for_the_boards_of_a_run_are_picked_up(board: Board, tmp_path: Path) -> None:
    folder = board.submission(tmp_path)
    found = pick_up([("toy", "hard", "none", 1), ("toy", "easy", "none", 1)], root=tmp_path)
    (unit,) = found.files
    assert unit.key == f"atom/toy/hard/none/1/clean/0/{NAME}/seed1"
    assert found.files[unit] == folder / FILE
    assert found.names == [NAME]
    assert found.left_out == []
    assert pick_up([("toy", "easy", "none", 1)], root=tmp_path).files == {}
    assert pick_up([], root=tmp_path / "nowhere").files == {}


def test_a_broken_folder_is_left_out_with_its_reason(board: Board, tmp_path: Path) -> None:
    folder = board.submission(tmp_path)
    (folder / "submission.yaml").write_text("name: [")
    (tmp_path / "README.md").touch()
    found = pick_up([("toy", "hard", "none", 1)], root=tmp_path)
    assert found.files == {}
    (told,) = found.left_out
    assert "not valid YAML" in told


def test_names_that_the_run_or_the_platform_uses_are_left_out(board: Board, tmp_path: Path) -> None:
    places = [("toy", "hard", "none", 1)]
    folder = board.submission(tmp_path)
    named = pick_up(places, [NAME], tmp_path)
    assert (named.files, len(named.left_out)) == ({}, 1)
    taken = folder.rename(tmp_path / "constant")
    write_yaml(taken, {**board.facts(), "name": "constant"})
    found = pick_up(places, root=tmp_path)
    assert found.files == {}
    assert "taken by the platform" in found.left_out[0]


def test_whatever_changes_in_a_folder_changes_its_state(board: Board, tmp_path: Path) -> None:
    """A submission that was refused for a stray file is scored again when that file has gone."""
    folder = board.submission(tmp_path)
    places = [("toy", "hard", "none", 1)]
    before = pick_up(places, root=tmp_path).state
    (folder / "run.sh").touch()
    during = pick_up(places, root=tmp_path).state
    (folder / "run.sh").unlink()
    assert before != during
    assert pick_up(places, root=tmp_path).state == before
