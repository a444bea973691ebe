"""The workflow on a real SLURM gives the same bytes as a local run, with one job per step."""

from pathlib import Path

import pytest

from tests.slurm.cluster import Cluster
from tests.slurm.running import EXACT, HERE, MATRIX, ended, metrics, on_cluster
from tests.workflow.running import copied, digests, jobs, snakemake

pytestmark = [pytest.mark.long(minutes=6), pytest.mark.xdist_group("slurm")]


def test_a_run_on_slurm_has_the_same_results_as_a_local_run(slurm: Cluster, local: Path, tmp_path: Path) -> None:
    folder = copied(tmp_path)
    planned = jobs(snakemake(folder, "-n", *MATRIX).stdout)
    expected = sum(count for rule, count in planned.items() if rule not in HERE)
    assert expected >= 12
    status, output = on_cluster(slurm, folder, *MATRIX)
    assert status == 0, output[-5000:]
    done = ended(slurm, folder)
    assert [job["JobState"] for job in done] == ["COMPLETED"] * expected
    assert len({job["JobId"] for job in done}) == expected
    assert digests(folder, *EXACT) == digests(local, *EXACT)
    assert metrics(folder) == metrics(local)
    assert "Nothing to be done" in on_cluster(slurm, folder, *MATRIX, "--dry-run")[1]
