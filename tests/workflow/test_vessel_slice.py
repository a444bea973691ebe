"""Tests of a small part of the VesselMNIST3D run: exact counts, and a network with a small budget."""

import json
from pathlib import Path

import pandas as pd
import pytest

from atombench.volumes.fetch import data_dirs
from tests.conftest import needs
from tests.workflow.running import copied, jobs, snakemake

pytestmark = pytest.mark.long(minutes=5)
SIZES = {"train": 202920, "val": 29032, "test": 64176}
SMALL = "{steps: 10, batch_volumes: 4, validations: 1, val_sections: 64"  # of the thorough test
SLICE = """
run: vessel-slice
boards:
  - {datasets: [vesselmnist3d], gatherings: [easy]}
seeds: [1]
without: [section-only, volume-only, oracle-coarse]
methods: {}
"""
WHOLE = (
    SLICE.replace("without: [section-only, volume-only, oracle-coarse]\n", "").replace("methods: {}\n", "methods:\n")
    + f"""  regismcan-released: {SMALL}}}
  regismcan: {SMALL}, width: 8}}
  section-only: {SMALL}}}
  volume-only: {SMALL}}}
"""
)
HARD = """
run: vessel-hard
boards:
  - {datasets: [vesselmnist3d], gatherings: [hard]}
seeds: [1]
without: [exhaustive, section-only, volume-only, oracle-coarse]
"""


@pytest.mark.parametrize("easy", [SLICE, pytest.param(WHOLE, marks=pytest.mark.thorough)], ids=["some methods", "all methods"])
def test_a_small_vessel_run_has_the_expected_counts_and_recalls(easy: str, tmp_path: Path) -> None:
    found = any(path.is_file() for top in data_dirs() for path in top.rglob("vesselmnist3d.npz"))
    needs(found, "vesselmnist3d.npz is in no folder of ATOMBENCH_DATA_DIRS")
    folder = copied(tmp_path)
    for name, text in (("easy", easy), ("hard", HARD)):
        (folder / f"{name}.yaml").write_text(text)
        answer = snakemake(folder, "--configfile", f"{name}.yaml")
        assert answer.returncode == 0, answer.stdout
        manifest = folder / f"results/atom/vesselmnist3d/{name}-none-x1/manifest.json"
        assert json.loads(manifest.read_text())["queries"] == SIZES
    table = pd.read_csv(folder / "results/board/results.csv")
    shares = table[table["seed"] == "all"].set_index(["gathering", "method", "metric"])["value"]
    # The second run keeps the board of the first, and neither has remaining jobs.
    assert set(table["gathering"]) == {"easy", "hard"}
    assert jobs(snakemake(folder, "-n", "--configfile", "easy.yaml").stdout) == {}
    # Compare constant and random with the independent re-derivation (38.3 and 26.8 hard, 45.5 and 34.9 easy).
    for gathering, constant, random in (("hard", 0.383, 0.268), ("easy", 0.455, 0.349)):
        assert shares[gathering, "constant", "high@5"] == pytest.approx(constant, abs=0.01)
        assert shares[gathering, "random", "high@5"] == pytest.approx(random, abs=0.01)
    assert shares["easy", "exhaustive", "fine_recall@1"] > 0.99
