"""Why a unit has no record, and how the board shows it."""

import stat
from pathlib import Path

import pytest

from atombench.board.pages import build_board
from atombench.evaluation.record import Unit
from atombench.lost import lost_runs, reason_of
from atombench.runs import LostRun, load_lost, load_results, log_of, save_run, unit_folder
from tests.board.test_board import stored
from tests.evaluation.records import example

UNIT = Unit(dataset="toy", gathering="hard", split="none", scale=1, method="regismcan", seed=2)


def log(root: Path, step: str, text: str, unit: Unit = UNIT) -> None:
    path = root / log_of(step, unit)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def done(root: Path, name: str, unit: Unit = UNIT) -> None:
    path = root / unit_folder(unit) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{}")


def test_the_reason_is_the_last_error_of_the_step_that_did_not_end(tmp_path: Path) -> None:
    log(tmp_path, "train", "10:00:00 begun\n10:00:01 error: cannot write x: No space left on device\n")
    assert reason_of(UNIT, tmp_path) == "train: cannot write x: No space left on device"
    done(tmp_path, "training.json")
    log(tmp_path, "predict", "10:00:00 begun\n10:00:01 error: the manifest is damaged\n")
    assert reason_of(UNIT, tmp_path) == "predict: the manifest is damaged"


def test_a_step_that_said_nothing_was_killed(tmp_path: Path) -> None:
    log(tmp_path, "train", "10:00:00 begun\n")
    assert reason_of(UNIT, tmp_path) == "train: ended without a word (killed, perhaps for its memory)"


def test_slurm_is_asked_what_became_of_a_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "squeue"
    program.write_text('#!/bin/sh\ncase "$*" in *--jobs=17*) echo TIMEOUT;; *) exit 1;; esac\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    log(tmp_path, "train", "10:00:00 SLURM job 17\n10:00:00 begun\n")
    assert reason_of(UNIT, tmp_path) == "train: ended without a word (SLURM says TIMEOUT)"
    log(tmp_path, "train", "10:00:00 SLURM job 18\n")
    assert "killed" in reason_of(UNIT, tmp_path)


def test_what_was_never_begun_names_the_step_before_it(tmp_path: Path) -> None:
    assert "was not begun" in reason_of(UNIT, tmp_path)
    log(tmp_path, "fetch", "error: download failed\n")
    assert reason_of(UNIT, tmp_path) == "fetch: download failed"


def test_a_transferred_method_was_lost_where_it_answers(tmp_path: Path) -> None:
    moved = UNIT.model_copy(update={"method": "regismcan@ixi-t1"})
    log(tmp_path, "predict", "error: no room\n", moved)
    assert reason_of(moved, tmp_path) == "predict: no room"


def test_units_with_a_record_are_not_lost(tmp_path: Path) -> None:
    done(tmp_path, "record.json")
    other = UNIT.model_copy(update={"seed": 3})
    assert [one.unit.seed for one in lost_runs([UNIT, other], tmp_path)] == [3]


def test_the_board_shows_lost_runs_and_does_not_rank_their_method(tmp_path: Path) -> None:
    known = [example("constant"), example("regismcan", 1, 0.6, role="network"), example("mcan", 1, 0.5, role="network")]
    lost = [
        LostRun(unit=UNIT, role="network", reason="train: ended without a word (SLURM says TIMEOUT)"),
        LostRun(unit=UNIT.model_copy(update={"method": "exhaustive"}), role="search", reason="<b>no</b>"),
        LostRun(unit=UNIT.model_copy(update={"dataset": "elsewhere"}), role="network", reason="fetch: no network"),
    ]
    build_board(stored(tmp_path, *known), {}, tmp_path / "out", lost=lost)
    page, table = ((tmp_path / "out" / name).read_text() for name in ("index.html", "results.csv"))
    assert "regismcan, seed 2 failed: train: ended without a word (SLURM says TIMEOUT)" in page
    assert "exhaustive, seed 2 failed: &lt;b&gt;no&lt;/b&gt;" in page
    assert "fetch: no network" in page
    assert page.count("incomplete</span>") == 1
    assert "hard,none,1,clean,0,exhaustive,2,,,,,,,,failed" in table


def test_a_lost_unit_that_another_run_has_is_not_shown(tmp_path: Path) -> None:
    results = stored(tmp_path, example("regismcan", 2))
    paths = [result.path for result in results]
    lost = [
        LostRun(unit=UNIT, role="network", reason="r"),
        LostRun(unit=UNIT.model_copy(update={"seed": 9}), role="n", reason="r"),
    ]
    save_run(tmp_path / "later.json", "later", {}, paths, lost=lost)
    found = load_lost([tmp_path / "later.json"], load_results([tmp_path / "later.json"])[0])
    assert [one.unit.seed for one in found] == [9]
