"""Failures are rows: a method's own fault with its reason, and what was lost with what is known; the rest goes on."""

import json
from pathlib import Path

import pytest

from tests.workflow.running import copied, jobs, snakemake

pytestmark = pytest.mark.long
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


def test_what_a_run_lost_stands_on_the_board_and_the_next_call_makes_it(folder: Path) -> None:
    blocked = folder / "results/checkpoints"
    blocked.parent.mkdir()
    blocked.write_text("a file where a folder should be")
    answer = snakemake(folder, "--configfile", "failing.yaml")
    assert answer.returncode != 0
    assert "results/board/index.html shows what there is" in answer.stdout
    assert "regismcan</bdi>, seed 1: train: cannot write results/checkpoints/" in page(folder)
    assert "constant" in page(folder)
    blocked.unlink()
    again = snakemake(folder, "--configfile", "failing.yaml")
    assert again.returncode == 0, again.stdout
    assert "regismcan</bdi>, seed 1: " not in page(folder)
    assert "rule train_cpu" not in again.stdout  # what was done is not done again


def test_a_loss_that_becomes_nan_is_a_row_with_its_reason_and_is_not_tried_again(folder: Path) -> None:
    record = json.loads((folder / "results/atom/mni-subjects/easy-none-x1/regismcan+diverging/seed1/record.json").read_text())
    assert record["status"] == "failed"
    assert "the loss became" in record["reason"]
    assert "regismcan+diverging</bdi>, seed 1: training: the loss became" in page(folder)
    assert jobs(snakemake(folder, "-n", "--configfile", "failing.yaml").stdout) == {}
