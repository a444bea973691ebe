"""Test of a secret board in the workflow: queries are written only with the key."""

import subprocess
from pathlib import Path

import pytest

from tests.workflow.running import copied, environment, jobs, snakemake

pytestmark = pytest.mark.long
SECRET = ("--configfile", "config/secret.yaml")
BOARD = "results/queries/atom/mni-subjects/tissue-secret-none-x1/board.json"


def test_a_secret_board_requires_its_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = copied(tmp_path / "checkout")
    monkeypatch.delenv("ATOMBENCH_SECRET_KEY", raising=False)
    refused = snakemake(folder, "queries", *SECRET)
    assert refused.returncode != 0
    assert "its labels can be computed only with the key" in refused.stdout
    key = tmp_path / "key"
    subprocess.run(["atombench", "new-key", str(key)], cwd=folder, env=environment(folder), check=True)
    monkeypatch.setenv("ATOMBENCH_SECRET_KEY", str(key))
    made = snakemake(folder, "queries", *SECRET)
    assert made.returncode == 0, made.stdout
    first = (folder / BOARD).read_text()
    assert key.read_text().strip() not in made.stdout
    assert jobs(snakemake(folder, "-n", "queries", *SECRET).stdout) == {}
    key.unlink()
    subprocess.run(["atombench", "new-key", str(key)], cwd=folder, env=environment(folder), check=True)
    assert snakemake(folder, "queries", *SECRET).returncode == 0  # another key, another board
    assert (folder / BOARD).read_text() != first
