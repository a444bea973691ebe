"""A private SLURM for the tests of a module."""

from collections.abc import Iterator

import pytest

from tests.conftest import needs
from tests.slurm.cluster import Cluster, cluster, why_not


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    reason = why_not()
    needs(not reason, reason)
    with cluster(tmp_path_factory.mktemp("slurm"), cpus=4, memory_mb=48000) as found:
        yield found
