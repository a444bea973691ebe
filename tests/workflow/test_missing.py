"""Why a unit has no record, and how the board shows it."""

import stat
from pathlib import Path

import pytest

from atombench.records.record import Unit
from atombench.records.run_list import LostRun, load_lost, log_of, save_run, unit_folder
from atombench.workflow.missing import lost_runs, reason_of
from tests.board.made import site_of
from tests.records.made import example

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
    out = site_of(tmp_path, *known, lost=lost)
    page, table = ((out / name).read_text() for name in ("boards/toy-hard-none-x1.html", "results.csv"))
    assert "regismcan</bdi>, seed 2: train: ended without a word (SLURM says TIMEOUT)" in page
    assert "exhaustive</bdi>, seed 2: &lt;b&gt;no&lt;/b&gt;" in page
    assert "fetch: no network" in (out / "boards/elsewhere-hard-none-x1.html").read_text()
    assert page.count("incomplete</span>") == 1
    assert "hard,none,1,clean,0,exhaustive,2,,,,,,,,failed" in table


def test_a_lost_unit_that_another_run_has_is_not_shown(tmp_path: Path) -> None:
    lost = [LostRun(unit=UNIT.model_copy(update={"seed": seed}), role="network", reason=f"reason {seed}") for seed in (2, 9)]
    save_run(tmp_path / "later.json", "later", {}, [], lost=lost)
    found = load_lost([tmp_path / "later.json"])
    assert [one.unit.seed for one in found] == [2, 9]
    page = (site_of(tmp_path, example("regismcan", 2), lost=found) / "boards/toy-hard-none-x1.html").read_text()
    assert "reason 9" in page
    assert "reason 2" not in page
