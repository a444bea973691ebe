"""Tests of orphaned jobs, with scripts instead of squeue and scancel; tests/slurm uses the real programs."""

import os
from pathlib import Path

import pytest

from atombench.errors import DataError
from atombench.workflow import jobs
from atombench.workflow.jobs import cancel_jobs, orphaned_jobs

RUN = "0b2cf3c4-5a1e-4be4-9d6f-7f0f2f2a3b4c"


@pytest.fixture
def queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the file that `squeue` prints and `scancel` empties."""
    programs, lines = tmp_path / "programs", tmp_path / "lines"
    programs.mkdir()
    scripts = {"squeue": f'cat "{lines}"', "scancel": f'echo "$@" > "{tmp_path}/cancelled"; : > "{lines}"'}
    for name, text in scripts.items():
        (programs / name).write_text(f"#!/bin/sh\n{text}\n")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    return lines


def test_only_jobs_submitted_by_snakemake_from_the_folder_are_orphaned(queue: Path, tmp_path: Path) -> None:
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
    assert orphaned_jobs(work) == ["7", "8"]
    assert orphaned_jobs(other) == ["9"]
    cancel_jobs(["7", "8"], work)
    assert (tmp_path / "cancelled").read_text().split() == ["7", "8"]
    assert orphaned_jobs(work) == []


def test_without_slurm_no_job_is_orphaned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert orphaned_jobs(tmp_path) == []


def test_the_error_names_jobs_that_do_not_end(queue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    queue.write_text(f"7|{RUN}|{tmp_path}\n")
    (tmp_path / "programs/scancel").write_text("#!/bin/sh\n")
    monkeypatch.setattr(jobs, "SECONDS_TO_END", 0)
    with pytest.raises(DataError, match="do not end: 7; see `squeue --me`"):
        cancel_jobs(["7"], tmp_path)


def test_the_error_without_scancel_names_the_jobs_to_cancel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DataError, match=r"cannot cancel the SLURM jobs of an earlier run \(7 8\)"):
        cancel_jobs(["7", "8"], tmp_path)
