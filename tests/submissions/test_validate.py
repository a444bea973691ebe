"""Malformed submissions: each is refused with a message that names what is wrong, and nothing in it is run."""

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from atombench.submissions import guarded
from atombench.submissions.validate import validate
from tests.conftest import ROOT
from tests.submissions.conftest import FILE, Board, write_yaml
from tests.submissions.kinds import put
from tests.submissions.kinds_of_answers import ALL_KINDS
from tests.workflow.running import BIN


def test_a_submission_in_order_has_no_problems(board: Board, tmp_path: Path) -> None:
    submission, problems = validate(board.submission(tmp_path), results=board.results)
    assert problems == []
    assert submission is not None


@pytest.mark.parametrize("name", ALL_KINDS)
def test_a_malformed_submission_is_refused_with_what_is_wrong(
    name: str, board: Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil, expected = ALL_KINDS[name]
    folder = board.submission(tmp_path / "in")
    spoil(folder, board)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    before = sorted(path for path in tmp_path.rglob("*") if "outside" not in path.name)
    _, problems = validate(folder, results=board.results)
    assert problems
    assert re.search(expected, "\n".join(problems)), problems
    assert all(line.isprintable() and len(line) < 700 for line in problems)
    assert sorted(path for path in tmp_path.rglob("*") if "outside" not in path.name) == before


def test_what_a_reader_cannot_bear_is_told_and_the_caller_goes_on(
    board: Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = board.submission(tmp_path)
    assert guarded.guarded_validate(folder, results=board.results) == ("1 boards, seeds [1]", [])
    monkeypatch.setattr(guarded, "MEMORY_BYTES", 200 << 20)
    assert "GiB of memory, or broke its reader" in guarded.guarded_validate(folder, results=board.results)[1][0]
    monkeypatch.setattr(guarded, "SECONDS", 0.01)
    assert "could not be read within 0 seconds" in guarded.guarded_validate(folder, results=board.results)[1][0]


def test_the_name_of_a_folder_cannot_forge_lines(board: Board, tmp_path: Path) -> None:
    odd = board.submission(tmp_path).rename(tmp_path / "x\x1b[31m\nfake: in order\udcff")
    said = subprocess.run(
        [BIN / "atombench", "validate", odd, "--results", board.results], capture_output=True, check=False, cwd=ROOT
    )
    assert said.returncode == 1
    assert b"\x1b" not in said.stdout
    assert b"\nfake" not in said.stdout
    assert b"Traceback" not in said.stderr


def test_there_are_enough_kinds() -> None:
    assert len(ALL_KINDS) >= 60


def test_all_problems_are_told_at_once(board: Board, tmp_path: Path) -> None:
    folder = board.submission(tmp_path)
    write_yaml(folder, {**board.facts(), "protocol": "7", "name": "constant"})
    found = board.answers()
    np.savez(folder / FILE, query=put(found["query"], 0, "zzz"), boxes=put(found["boxes"], (1, 1), np.nan))
    (folder / "run.sh").touch()
    _, problems = validate(folder, results=board.results)
    for expected in ("protocol", "taken by", "folder's name", "run.sh", "no query", "without an answer", "row 2"):
        assert any(expected in line for line in problems), (expected, problems)
