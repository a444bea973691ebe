"""Fixtures shared by several tests; each run is executed once, for any number of workers."""

from pathlib import Path

import pytest

from tests.conftest import made_once
from tests.workflow.running import TINY, copied, snakemake


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which the tiny run has finished; copy it (`continued`) to change anything."""

    def make(folder: Path) -> None:
        answer = snakemake(copied(folder), *TINY)
        assert answer.returncode == 0, answer.stdout

    return made_once(tmp_path_factory, "tiny-run", make)
