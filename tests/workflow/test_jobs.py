"""Which jobs count as left behind, asked of a stand-in for squeue; the real one is asked in tests/slurm."""

import os
from pathlib import Path

import pytest

from atombench.errors import DataError
from atombench.workflow import jobs as dead_jobs
from atombench.workflow.jobs import end_jobs, jobs_left_behind

RUN = "0b2cf3c4-5a1e-4be4-9d6f-7f0f2f2a3b4c"


@pytest.fixture
def queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """File whose lines squeue prints; scancel empties it unless it is read-only."""
    programs, lines = tmp_path / "programs", tmp_path / "lines"
    programs.mkdir()
    scripts = {"squeue": f'cat "{lines}"', "scancel": f'echo "$@" > "{tmp_path}/cancelled"; : > "{lines}"'}
    for name, text in scripts.items():
        (programs / name).write_text(f"#!/bin/sh\n{text}\n")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    return lines


def test_only_jobs_that_snakemake_submitted_from_the_folder_count(queue: Path, tmp_path: Path) -> None:
    work, other = tmp_path / "work", tmp_path / "other"
    work.mkdir()
    other.mkdir()
    (tmp_path / "link").symlink_to(work)
    rows = (
        f"7|{RUN}|{work}",
        f"8|mine_{RUN}|{tmp_path / 'link'}",
        f"9|{RUN}|{other}",
        f"10|interactive|{work}",
        f"11|{RUN}|{tmp_path}/gone",
        "no table at all",
    )
    queue.write_text("\n".join(rows) + "\n")
    assert jobs_left_behind(work) == ["7", "8"]
    assert jobs_left_behind(other) == ["9"]
    end_jobs(["7", "8"], work)
    assert (tmp_path / "cancelled").read_text().split() == ["7", "8"]
    assert jobs_left_behind(work) == []


def test_without_slurm_nothing_was_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert jobs_left_behind(tmp_path) == []


def test_jobs_that_do_not_end_are_named(queue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    queue.write_text(f"7|{RUN}|{tmp_path}\n")
    (tmp_path / "programs/scancel").write_text("#!/bin/sh\n")
    monkeypatch.setattr(dead_jobs, "SECONDS_TO_END", 0)
    with pytest.raises(DataError, match="do not end: 7; see `squeue --me`"):
        end_jobs(["7"], tmp_path)
