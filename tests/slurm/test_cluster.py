"""The workflow on a real SLURM: the same bytes as a local run, and every step a job of its own."""

from pathlib import Path

import pytest

from tests.slurm.cluster import Cluster
from tests.slurm.running import EXACT, HERE, ended, metrics, on_cluster
from tests.workflow.running import copied, digests, jobs, snakemake

pytestmark = pytest.mark.long
MATRIX = ("--configfile", "tests/slurm/matrix.yaml")


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The matrix as a local run makes it."""
    folder = copied(tmp_path_factory.mktemp("local"))
    answer = snakemake(folder, *MATRIX)
    assert answer.returncode == 0, answer.stdout
    return folder


def test_a_matrix_through_slurm_gives_what_a_local_run_gives(slurm: Cluster, local: Path, tmp_path: Path) -> None:
    folder = copied(tmp_path)
    planned = jobs(snakemake(folder, "-n", *MATRIX).stdout)
    expected = sum(count for rule, count in planned.items() if rule not in HERE)
    assert expected >= 24
    status, said = on_cluster(slurm, folder, *MATRIX)
    assert status == 0, said[-5000:]
    done = ended(slurm, folder)
    assert [job["JobState"] for job in done] == ["COMPLETED"] * expected
    assert len({job["JobId"] for job in done}) == expected
    assert digests(folder, *EXACT) == digests(local, *EXACT)
    assert metrics(folder) == metrics(local)
    assert "Nothing to be done" in on_cluster(slurm, folder, *MATRIX, "--dry-run")[1]
