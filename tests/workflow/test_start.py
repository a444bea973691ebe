"""Tests of the actions before the first job and after the last one."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from atombench.errors import DataError
from atombench.workflow import start
from atombench.workflow.processes import VARIABLE
from atombench.workflow.run_lock import release_run_lock, take_run_lock


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return the working directory of a call without SLURM."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv(VARIABLE, "")
    yield tmp_path
    release_run_lock()


def failed_call(*records: str) -> start.FailedCall:
    return start.FailedCall(
        name="tiny",
        settings="{}",
        records=records,
        audits=["audit.json"],
        run_lists=["results/runs/earlier.json"],
        unfinished=Path("results/runs/unfinished"),
        board=Path("results/board"),
    )


def test_a_call_holds_the_lock_and_the_list_of_outputs_until_its_end(folder: Path) -> None:
    lines: list[str] = []
    start.begin(["made", "not-made"], lines.append)
    assert lines == []
    assert f" {os.getpid()} " in os.environ[VARIABLE]
    assert (folder / start.SNAKEMAKE / "atombench.lock").read_text()
    assert (folder / start.PLANNED).read_text().split() == ["made", "not-made"]
    (folder / "made").touch()
    start.end(lines.append)
    assert lines == []
    assert (folder / start.SNAKEMAKE / "atombench.lock").read_text() == ""
    assert (folder / start.PLANNED).read_text().split() == ["not-made"]


def test_jobs_of_a_dead_run_are_cancelled_before_outputs_are_listed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(jobs: list[str], where: Path) -> None:
        message = f"{jobs} in {where.resolve()} do not end"
        raise DataError(message)

    monkeypatch.setattr(start, "orphaned_jobs", lambda where: ["7", "8"])
    monkeypatch.setattr(start, "cancel_jobs", refuse)
    take_run_lock(start.SNAKEMAKE)
    owner = (folder / start.SNAKEMAKE / "atombench.lock").read_text()
    release_run_lock()
    (folder / start.SNAKEMAKE / "atombench.lock").write_text(owner)  # as after a kill
    lines: list[str] = []
    with pytest.raises(DataError, match="do not end"):
        start.begin(["output"], lines.append)
    assert lines == [
        f"An earlier run was killed ({owner.strip()}). Its lock was taken over.",
        "Cancelling SLURM jobs of an earlier run: 7 8",
    ]
    assert not (folder / start.PLANNED).exists()


def test_a_full_disk_at_the_end_is_reported_and_the_lock_is_released(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(plan: Path) -> None:
        message = f"cannot write {plan}: No space left on device"
        raise DataError(message)

    lines: list[str] = []
    start.begin(["output"], lines.append)
    monkeypatch.setattr(start, "close_plan", full)
    start.end(lines.append)
    assert lines == [f"cannot write {start.PLANNED}: No space left on device"]
    assert take_run_lock(start.SNAKEMAKE) == ""


def test_a_failed_call_lists_lost_runs_collects_records_and_builds_the_board() -> None:
    lost, collect, board = failed_call("a/record.json", "b/record.json").commands()
    assert lost == ["lost", "--config", "{}", "--out", "results/runs/unfinished/tiny-lost.json"]
    assert collect[:4] == ["collect", "a/record.json", "b/record.json", "--audit=audit.json"]
    assert collect[-4:] == ["--lost", lost[-1], "--out", "results/runs/unfinished/tiny.json"]
    assert board == ["board", "results/runs/earlier.json", collect[-1], "--out", "results/board"]


def test_a_failure_is_reported_only_if_the_board_was_built(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[str] = []
    status = {"lost": 0, "collect": 0, "board": 0}

    class Answer:
        def __init__(self, command: list[str], **_: object) -> None:
            called.append(command[3])
            self.returncode = status[command[3]]

    monkeypatch.setattr(start.subprocess, "run", Answer)
    lines: list[str] = []
    start.report_failure(failed_call(), lines.append)
    assert (called, lines) == ([], [])  # without a record there is nothing to show
    start.report_failure(failed_call("a/record.json"), lines.append)
    assert called == ["lost", "collect", "board"]
    assert lines == ["Some runs failed. results/board/index.html shows the others, and why these failed."]
    status["collect"] = 1
    start.report_failure(failed_call("a/record.json"), lines.append)
    assert called[3:] == ["lost", "collect"]
    assert len(lines) == 1
