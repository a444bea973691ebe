"""Tests of kill -9 in any step: the same command then completes, and deterministic files are identical."""

import os
from pathlib import Path

import pytest

from atombench.workflow.run_lock import LOCK_FILE
from atombench.workflow.start import SNAKEMAKE
from atombench.workflow.truncated import CHECKS, truncated_files
from tests.workflow.running import AUDITS, EXACT, TINY, almost_finished, continued, copied, digests, jobs, killed_in, snakemake

pytestmark = pytest.mark.long(minutes=2)
STEPS = ("fetch", "curate", "split", "train", "predict", "evaluate", "board")
IN_TURN = dict(zip(STEPS, ("run", "main", "step", "run", "main", "step", "run"), strict=True))


@pytest.fixture(scope="module")
def undisturbed(tiny_run: Path) -> dict[str, str]:
    return digests(tiny_run, *EXACT)


@pytest.mark.parametrize(
    "victims",
    [IN_TURN, *(pytest.param(dict.fromkeys(STEPS, victim), marks=pytest.mark.thorough) for victim in ("run", "main", "step"))],
    ids=["in turn", "run", "main", "step"],
)
def test_a_run_killed_in_every_step_completes_with_the_same_bytes(
    victims: dict[str, str], undisturbed: dict[str, str], tmp_path: Path
) -> None:
    folder = copied(tmp_path)
    for step, victim in victims.items():
        killed_in(folder, step, victim, *TINY)
    answer = snakemake(folder, *TINY)
    assert answer.returncode == 0, answer.stdout
    assert digests(folder, *EXACT) == undisturbed
    assert (folder / "results/board/index.html").stat().st_size > 10_000
    assert not list((folder / "results").rglob("*.partial"))
    assert jobs(snakemake(folder, "-n", *TINY).stdout) == {}


@pytest.mark.parametrize("victim", ["step", pytest.param("run", marks=pytest.mark.thorough)])
def test_a_killed_audit_is_repeated(victim: str, tiny_run: Path, undisturbed: dict[str, str], tmp_path: Path) -> None:
    """No other step depends on an audit, so it is the only remaining job when the others have finished."""
    folder = almost_finished(tiny_run, tmp_path / "run", AUDITS[0])
    killed_in(folder, "audit-data", victim, *TINY)
    answer = snakemake(folder, *TINY)
    assert answer.returncode == 0, answer.stdout
    assert digests(folder, *EXACT) == undisturbed
    assert jobs(snakemake(folder, "-n", *TINY).stdout) == {}


def test_truncated_files_are_regenerated_without_training_again(
    tiny_run: Path, undisturbed: dict[str, str], tmp_path: Path
) -> None:
    folder = continued(tiny_run, tmp_path / "run")
    (checkpoint,) = folder.glob("results/checkpoints/*")
    before = checkpoint.stat().st_mtime_ns
    truncated = [truncate(path) for path in finished_files(folder)]
    planned = snakemake(folder, "-n", *TINY).stdout
    assert all(f"{path.relative_to(folder)} is truncated and will be regenerated." in planned for path in truncated)
    killed_in(folder, "train", "run", *TINY)  # the training removes its truncated outputs before it begins
    answer = snakemake(folder, *TINY)
    assert answer.returncode == 0, answer.stdout
    assert truncated_files(truncated) == []
    assert digests(folder, *EXACT) == undisturbed
    assert checkpoint.stat().st_mtime_ns == before
    assert jobs(snakemake(folder, "-n", *TINY).stdout) == {}


def test_dry_runs_change_no_file_and_a_failed_regeneration_is_repeated(tiny_run: Path, tmp_path: Path) -> None:
    folder = continued(tiny_run, tmp_path / "run")
    training = truncate(next(path for path in finished_files(folder) if path.name == "training.json"))
    before = state(folder)
    for option in ("--summary", "--rulegraph", "--lint", "-n"):
        assert snakemake(folder, option, *TINY).returncode == 0
        assert state(folder) == before
    kept, blocked = folder / "results/checkpoints", folder / "checkpoints"
    kept.rename(blocked)
    kept.write_text("a file where a folder should be")
    failed = snakemake(folder, *TINY)
    assert failed.returncode != 0
    assert "Some runs failed. results/board/index.html shows the others" in failed.stdout
    assert not training.exists()  # Snakemake removes the outputs of a failed job and does not schedule them again
    kept.unlink()
    blocked.rename(kept)
    assert snakemake(folder, *TINY).returncode == 0
    assert training.exists()
    assert truncated_files([training]) == []


def finished_files(folder: Path) -> list[Path]:
    """Return curated volumes, a manifest, and all output files of a run of a network."""
    run = next(folder.glob("results/**/regismcan/seed1"))
    files = [*folder.glob("results/data/**/*.npz"), *folder.glob("results/**/manifest.parquet"), *run.rglob("*")]
    return sorted(path for path in files if path.suffix in CHECKS and path.stat().st_size)


def truncate(path: Path) -> Path:
    """Remove the last third of a file."""
    os.truncate(path, path.stat().st_size * 2 // 3)
    return path


def state(folder: Path) -> dict[Path, tuple[int, int, int]]:
    """Return inode, size and modification time of every file except those of Snakemake."""
    files = [path for name in ("results", "logs") for path in (folder / name).rglob("*") if path.is_file()]
    files.append(folder / SNAKEMAKE / LOCK_FILE)
    return {path: (info.st_ino, info.st_size, info.st_mtime_ns) for path in files for info in [path.stat()]}
