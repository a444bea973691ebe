"""Tests of failed methods and lost runs: they are shown with reasons, and the other runs continue."""

import json
from pathlib import Path

import pytest

from tests.workflow.running import copied, jobs, record_of, snakemake

pytestmark = [pytest.mark.long(minutes=2), pytest.mark.xdist_group("failures")]
CONFIG = """
run: failing
boards:
  - {datasets: [mni-subjects], gatherings: [easy]}
seeds: [1]
without: [random, section-only, volume-only, oracle-coarse, exhaustive]
methods:
  regismcan: {steps: 20, width: 8, batch_volumes: 4, validations: 2, val_sections: 64}
  regismcan+diverging: {steps: 20, width: 8, batch_volumes: 4, validations: 2, learning_rate: 1.0e+30}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = copied(tmp_path_factory.mktemp("failures"))
    (place / "failing.yaml").write_text(CONFIG)
    return place


def page(folder: Path) -> str:
    return "".join(path.read_text() for path in sorted((folder / "results/board/boards").glob("*.html")))


def test_a_lost_run_is_shown_on_the_board_and_repeated_by_the_next_call(folder: Path) -> None:
    blocked = folder / "results/checkpoints"
    blocked.parent.mkdir()
    blocked.write_text("a file where a folder should be")
    answer = snakemake(folder, "--configfile", "failing.yaml")
    assert answer.returncode != 0
    assert "Some runs failed. results/board/index.html shows the others" in answer.stdout
    assert "regismcan</bdi>, seed 1: train: cannot write results/checkpoints/" in page(folder)
    assert "constant" in page(folder)
    blocked.unlink()
    again = snakemake(folder, "--configfile", "failing.yaml")
    assert again.returncode == 0, again.stdout
    assert "regismcan</bdi>, seed 1: " not in page(folder)
    assert "rule train_cpu" not in again.stdout  # finished jobs are not repeated


def test_a_diverged_training_is_shown_with_its_reason_and_not_repeated(folder: Path) -> None:
    record = json.loads(record_of(folder, "mni-subjects/easy-none-x1", "regismcan+diverging", 1).read_text())
    assert record["status"] == "failed"
    assert "the loss became" in record["reason"]
    assert "regismcan+diverging</bdi>, seed 1: training: the loss became" in page(folder)
    assert jobs(snakemake(folder, "-n", "--configfile", "failing.yaml").stdout) == {}
