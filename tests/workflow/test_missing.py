"""Tests of lost runs: the reason for a missing record, and its display on the board."""

import stat
from pathlib import Path

import pytest

from atombench.records.board import Board
from atombench.records.layout import TRAINED, Layout
from atombench.records.run import Run
from atombench.records.run_list import LostRun, load_lost, save_run
from atombench.workflow.missing import lost_runs, reason_of
from tests.board.made import site_of
from tests.records.made import example

RUN = Run.of(Board("atom", "toy", "hard-none-x1"), "regismcan", 2)


def places(root: Path) -> Layout:
    return Layout(root / "results", root / "logs")


def log(root: Path, step: str, text: str, run: Run = RUN) -> None:
    path = places(root).log(step, run, "cube20")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def done(root: Path, name: str, run: Run = RUN) -> None:
    path = (places(root).trained(run) if name in TRAINED else places(root).answered(run)) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{}")


def test_the_reason_is_the_last_error_of_the_step_that_failed(tmp_path: Path) -> None:
    log(tmp_path, "train", "10:00:00 begun\n10:00:01 error: cannot write x: No space left on device\n")
    assert reason_of(RUN, places(tmp_path)) == "train: cannot write x: No space left on device"
    done(tmp_path, "training.json")
    log(tmp_path, "predict", "10:00:00 begun\n10:00:01 error: the manifest is damaged\n")
    assert reason_of(RUN, places(tmp_path)) == "predict: the manifest is damaged"


def test_a_step_without_an_error_message_was_probably_out_of_memory(tmp_path: Path) -> None:
    log(tmp_path, "train", "10:00:00 begun\n")
    assert reason_of(RUN, places(tmp_path)) == "train: exited without an error message (probably out of memory)"


def test_the_reason_contains_the_state_of_the_slurm_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "squeue"
    program.write_text('#!/bin/sh\ncase "$*" in *--jobs=17*) echo TIMEOUT;; *) exit 1;; esac\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    log(tmp_path, "train", "10:00:00 SLURM job 17\n10:00:00 begun\n")
    assert reason_of(RUN, places(tmp_path)) == "train: exited without an error message (SLURM state TIMEOUT)"
    log(tmp_path, "train", "10:00:00 SLURM job 18\n")
    assert "probably out of memory" in reason_of(RUN, places(tmp_path))


def test_a_run_that_was_not_started_names_the_step_that_failed_before(tmp_path: Path) -> None:
    assert "not started" in reason_of(RUN, places(tmp_path))
    log(tmp_path, "fetch", "error: download failed\n")
    assert reason_of(RUN, places(tmp_path)) == "fetch: download failed"


def test_a_transferred_method_is_lost_on_the_dataset_that_it_answers(tmp_path: Path) -> None:
    moved = RUN.model_copy(update={"method": "regismcan@ixi-t1"})
    log(tmp_path, "predict", "error: no room\n", moved)
    assert reason_of(moved, places(tmp_path)) == "predict: no room"


def test_runs_with_a_record_are_not_lost(tmp_path: Path) -> None:
    done(tmp_path, "record.json")
    other = RUN.model_copy(update={"seed": 3})
    assert [gone.run.seed for gone in lost_runs([RUN, other], tmp_path)] == [3]


def test_the_board_shows_lost_runs_and_does_not_rank_their_method(tmp_path: Path) -> None:
    known = [example("constant"), example("regismcan", 1, 0.6, role="network"), example("mcan", 1, 0.5, role="network")]
    lost = [
        LostRun(run=RUN, role="network", reason="train: exited without an error message (SLURM state TIMEOUT)"),
        LostRun(run=RUN.model_copy(update={"method": "exhaustive"}), role="search", reason="<b>no</b>"),
        LostRun(run=RUN.model_copy(update={"dataset": "elsewhere"}), role="network", reason="fetch: no network"),
    ]
    out = site_of(tmp_path, *known, lost=lost)
    page, table = ((out / name).read_text() for name in ("boards/atom-toy-hard-none-x1.html", "results.csv"))
    assert "regismcan</bdi>, seed 2: train: exited without an error message (SLURM state TIMEOUT)" in page
    assert "exhaustive</bdi>, seed 2: &lt;b&gt;no&lt;/b&gt;" in page
    assert "fetch: no network" in (out / "boards/atom-elsewhere-hard-none-x1.html").read_text()
    assert page.count("incomplete</span>") == 1
    assert "hard,none,1,clean,0,exhaustive,2,,,,,,,,failed,hard-none-x1,clean,measured,1" in table


def test_a_lost_run_with_a_record_elsewhere_is_not_shown(tmp_path: Path) -> None:
    lost = [LostRun(run=RUN.model_copy(update={"seed": seed}), role="network", reason=f"reason {seed}") for seed in (2, 9)]
    save_run(tmp_path / "later.json", "later", {}, [], lost=lost)
    found = load_lost([tmp_path / "later.json"])
    assert [gone.run.seed for gone in found] == [2, 9]
    page = (site_of(tmp_path, example("regismcan", 2), lost=found) / "boards/atom-toy-hard-none-x1.html").read_text()
    assert "reason 9" in page
    assert "reason 2" not in page
