"""The workflow on a real SLURM: the same bytes as a local run, and every step a job of its own."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import needs
from tests.slurm.cluster import Cluster, cluster, why_not
from tests.workflow.running import copied, digests, environment, jobs, snakemake

pytestmark = pytest.mark.long
MATRIX = ("--configfile", "tests/slurm/matrix.yaml")
ON_CLUSTER = (
    "--workflow-profile", "profiles/slurm", "--jobs", "6", "--latency-wait", "10",
    "--slurm-init-seconds-before-status-checks", "6",
    "--default-resources", "slurm_account=test", "slurm_partition=main", "mem_mb=1000", "runtime=10",
    "--set-resources", "train:gpu=0", "predict:gpu=0",
)  # fmt: skip
EXACT = (
    "results/data/*/x1/volumes.npz",
    "results/atom/*/*/manifest.parquet",
    "results/atom/*/*/*/seed*/predictions.parquet",
    "results/atom/*/*/*/seed*/weights.safetensors",
)
HERE = {"fetch", "collect", "board", "track", "all"}  # rules that run where snakemake runs


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    reason = why_not()
    needs(not reason, reason)
    with cluster(tmp_path_factory.mktemp("slurm"), cpus=4, memory_mb=48000) as found:
        yield found


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The matrix as a local run makes it."""
    folder = copied(tmp_path_factory.mktemp("local"))
    answer = snakemake(folder, *MATRIX)
    assert answer.returncode == 0, answer.stdout
    return folder


def on_cluster(slurm: Cluster, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Call snakemake with the SLURM profile in a folder and wait for it."""
    command = ["snakemake", *ON_CLUSTER, *MATRIX, *arguments]
    return subprocess.run(
        command, cwd=folder, env={**environment(folder), "SLURM_CONF": slurm.environment["SLURM_CONF"]},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=1500,
    )  # fmt: skip


def metrics(folder: Path) -> dict[str, object]:
    """Metrics of all records, by unit."""
    records = [json.loads(path.read_text()) for path in folder.glob("results/atom/*/*/*/seed*/record.json")]
    assert records
    return {f"{record['unit']}": record["metrics"] for record in records}


def test_a_matrix_through_slurm_gives_what_a_local_run_gives(slurm: Cluster, local: Path, tmp_path: Path) -> None:
    folder = copied(tmp_path)
    planned = jobs(snakemake(folder, "-n", *MATRIX).stdout)
    expected = sum(count for rule, count in planned.items() if rule not in HERE)
    assert expected >= 24
    answer = on_cluster(slurm, folder)
    assert answer.returncode == 0, answer.stdout[-5000:]
    ended = [job for job in slurm.finished() if job["WorkDir"] == str(folder)]
    assert [job["JobState"] for job in ended] == ["COMPLETED"] * expected
    assert len({job["JobId"] for job in ended}) == expected
    assert digests(folder, *EXACT) == digests(local, *EXACT)
    assert metrics(folder) == metrics(local)
    again = on_cluster(slurm, folder, "--dry-run")
    assert "Nothing to be done" in again.stdout
