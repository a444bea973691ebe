"""Tests of validation: every malformed submission is rejected with a clear message, and no submitted code is run."""

import os
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from atombench.commands import validate as command
from atombench.errors import DataError
from atombench.submissions import guarded
from atombench.submissions.problems import Problems
from atombench.submissions.validate import checked_answers, narrowed, validate
from tests.conftest import ROOT
from tests.submissions.conftest import FILE, Board, write_yaml
from tests.submissions.kinds import put
from tests.submissions.kinds_of_answers import ALL_KINDS
from tests.workflow.running import BIN


def test_a_valid_submission_has_no_problems(board: Board, tmp_path: Path) -> None:
    submission, problems = validate(board.submission(tmp_path), results=board.results)
    assert problems == []
    assert submission is not None


@pytest.mark.parametrize("name", ["toy/hard-none-x1", "atom/toy/hard-none-x1"])
def test_boards_may_be_named_with_and_without_their_task(name: str, board: Board, tmp_path: Path) -> None:
    folder, facts = board.submission(tmp_path), board.facts()
    write_yaml(folder, {**facts, "task": "atom", "boards": [{**facts["boards"][0], "board": name}]})
    for wanted in ("toy/hard-none-x1", "atom/toy/hard-none-x1"):
        submission, problems = validate(folder, results=board.results, boards=[wanted])
        assert problems == []
        assert submission is not None
        assert len(list(checked_answers(folder, narrowed(submission, [wanted], []), Problems(), results=board.results))) == 1
        assert narrowed(submission, ["toy/easy-none-x1"], []).boards == []


@pytest.mark.parametrize("name", ALL_KINDS)
def test_a_malformed_submission_is_rejected_with_a_clear_message(
    name: str, board: Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    damage, expected = ALL_KINDS[name]
    folder = board.submission(tmp_path / "in")
    damage(folder, board)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    before = sorted(path for path in tmp_path.rglob("*") if "outside" not in path.name)
    _, problems = validate(folder, results=board.results)
    assert problems
    assert re.search(expected, "\n".join(problems)), problems
    assert all(line.isprintable() and len(line) < 700 for line in problems)
    assert sorted(path for path in tmp_path.rglob("*") if "outside" not in path.name) == before


def test_a_reader_that_exceeds_its_limits_is_reported_as_a_problem(
    board: Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = board.submission(tmp_path)
    assert guarded.guarded_validate(folder, results=board.results) == ("1 boards, seeds [1]", [])
    monkeypatch.setattr(guarded, "MEMORY_BYTES", 200 << 20)
    assert "GiB of memory, or crashed its reader" in guarded.guarded_validate(folder, results=board.results)[1][0]
    monkeypatch.setattr(guarded, "SECONDS", 0.01)
    assert "could not be read within 0 seconds" in guarded.guarded_validate(folder, results=board.results)[1][0]


def test_the_name_of_a_folder_cannot_forge_lines(board: Board, tmp_path: Path) -> None:
    odd = board.submission(tmp_path).rename(tmp_path / "x\x1b[31m\nfake: valid\udcff")
    command = [BIN / "atombench", "validate", odd, "--results", board.results]
    result = subprocess.run(command, capture_output=True, check=False, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert result.returncode == 1
    assert b"\x1b" not in result.stdout
    assert b"\nfake" not in result.stdout
    assert b"Traceback" not in result.stderr


def test_at_least_sixty_kinds_of_malformed_submissions_are_tested() -> None:
    assert len(ALL_KINDS) >= 60


def test_all_problems_are_reported_at_once(board: Board, tmp_path: Path) -> None:
    folder = board.submission(tmp_path)
    write_yaml(folder, {**board.facts(), "protocol": "7", "name": "constant"})
    arrays = board.answers()
    np.savez(folder / FILE, query=put(arrays["query"], 0, "zzz"), boxes=put(arrays["boxes"], (1, 1), np.nan))
    (folder / "run.sh").touch()
    _, problems = validate(folder, results=board.results)
    for expected in ("protocol", "built-in method", "folder name", "run.sh", "not queries", "without an answer", "row 2"):
        assert any(expected in line for line in problems), (expected, problems)


def test_the_readme_beside_the_submissions_is_passed_over(board: Board, tmp_path: Path) -> None:
    """`atombench validate leaderboard/submissions/*` names it, too."""
    folder = board.submission(tmp_path)
    (tmp_path / "README.md").write_text("how to submit")
    command.run([folder, tmp_path / "README.md"], results=board.results)
    with pytest.raises(DataError, match="1 problem"):
        command.run([tmp_path / "OTHER.md"], results=board.results)
