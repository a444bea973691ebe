"""What lies in leaderboard/submissions reaches the boards of a run, and what is broken there is left out with a reason."""

from pathlib import Path

from atombench.submissions.picked_up import pick_up
from tests.submissions.conftest import FILE, NAME, Board


def test_predictions_for_the_boards_of_a_run_are_picked_up(board: Board, tmp_path: Path) -> None:
    folder = board.submission(tmp_path)
    found = pick_up([("toy", "hard", "none", 1), ("toy", "easy", "none", 1)], tmp_path)
    (unit,) = found.files
    assert unit.key == f"atom/toy/hard/none/1/clean/0/{NAME}/seed1"
    assert found.files[unit] == folder / FILE
    assert found.names == [NAME]
    assert found.left_out == []
    assert pick_up([("toy", "easy", "none", 1)], tmp_path).files == {}
    assert pick_up([], tmp_path / "nowhere").files == {}


def test_a_broken_folder_is_left_out_with_its_reason(board: Board, tmp_path: Path) -> None:
    folder = board.submission(tmp_path)
    (folder / "submission.yaml").write_text("name: [")
    (tmp_path / "README.md").touch()
    found = pick_up([("toy", "hard", "none", 1)], tmp_path)
    assert found.files == {}
    (told,) = found.left_out
    assert "not valid YAML" in told
