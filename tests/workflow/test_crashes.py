"""kill -9 in any step, then the same command again: it completes, and what is deterministic has the same bytes."""

import os
from pathlib import Path

import pytest

from tests.workflow.running import copied, digests, jobs, killed_in, snakemake

pytestmark = pytest.mark.long
TINY = ("--configfile", "tests/workflow/tiny.yaml")
EXACT = (
    "results/data/*/x1/volumes.npz",
    "results/atom/*/*/manifest.parquet",
    "results/data/*/x1/audit.json",
    "results/atom/*/*/audit.json",
    "results/atom/*/*/*/seed1/predictions.parquet",
    "results/atom/*/*/*/seed1/weights.safetensors",
)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = copied(tmp_path_factory.mktemp("undisturbed"))
    answer = snakemake(folder, *TINY)
    assert answer.returncode == 0, answer.stdout
    return digests(folder, *EXACT)


@pytest.mark.parametrize("victim", ["run", "main", "step"])
def test_a_run_killed_in_every_step_completes_with_the_same_bytes(
    victim: str, undisturbed: dict[str, str], tmp_path: Path
) -> None:
    folder = copied(tmp_path)
    for step in ("fetch", "curate", "split", "train", "predict", "evaluate", "board"):
        killed_in(folder, step, victim, *TINY)
    answer = snakemake(folder, *TINY)
    assert answer.returncode == 0, answer.stdout
    assert digests(folder, *EXACT) == undisturbed
    assert (folder / "results/board/index.html").stat().st_size > 10_000
    assert not list((folder / "results").rglob("*.partial"))
    assert jobs(snakemake(folder, "-n", *TINY).stdout) == {}


@pytest.mark.parametrize("victim", ["run", "step"])
def test_an_audit_that_was_killed_is_made_again(victim: str, undisturbed: dict[str, str], tmp_path: Path) -> None:
    """Audits are on no other step's way, so where runs go on after a failure they are the only thing left to do."""
    folder = copied(tmp_path)
    killed_in(folder, "audit-data", victim, *TINY)
    answer = snakemake(folder, *TINY)
    assert answer.returncode == 0, answer.stdout
    assert digests(folder, *EXACT) == undisturbed
    assert jobs(snakemake(folder, "-n", *TINY).stdout) == {}


def test_files_that_lost_their_end_are_made_again_and_nothing_is_trained_again(
    undisturbed: dict[str, str], tmp_path: Path
) -> None:
    folder = copied(tmp_path)
    assert snakemake(folder, *TINY).returncode == 0
    (checkpoint,) = folder.glob("results/checkpoints/*")
    before = checkpoint.stat().st_mtime_ns
    cut = [
        next(folder.glob(pattern))
        for pattern in ("results/data/*/x1/volumes.npz", "results/atom/*/*/manifest.parquet", *(
            f"results/atom/*/*/regismcan/seed1/{name}"
            for name in ("weights.safetensors", "training.json", "predictions.parquet", "swaps.parquet", "record.json")
        ))
    ]  # fmt: skip
    for path in cut:
        os.truncate(path, path.stat().st_size * 2 // 3)
    told = snakemake(folder, "-n", *TINY).stdout
    assert all(f"{path.relative_to(folder)} lacks its end" in told for path in cut)
    assert all(path.exists() for path in cut)  # a dry run only tells
    answer = snakemake(folder, *TINY)
    assert answer.returncode == 0, answer.stdout
    assert digests(folder, *EXACT) == undisturbed
    assert checkpoint.stat().st_mtime_ns == before
    assert jobs(snakemake(folder, "-n", *TINY).stdout) == {}
