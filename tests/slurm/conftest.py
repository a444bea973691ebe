"""A private SLURM for the tests of a module, and the local run that runs on it are compared with."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import needs
from tests.slurm.cluster import Cluster, cluster, why_not
from tests.slurm.running import MATRIX
from tests.workflow.running import copied, snakemake


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    reason = why_not()
    needs(not reason, reason)
    with cluster(tmp_path_factory.mktemp("slurm"), cpus=4, memory_mb=48000) as found:
        yield found


@pytest.fixture(scope="session")
def local(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the matrix as a local run makes it."""
    folder = copied(tmp_path_factory.mktemp("local"))
    answer = snakemake(folder, *MATRIX)
    assert answer.returncode == 0, answer.stdout
    return folder
