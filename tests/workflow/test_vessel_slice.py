"""A slice of the real run: VesselMNIST3D with its exact counts, all methods at a small budget."""

import json
from pathlib import Path

import pandas as pd
import pytest

from atombench.volumes.fetch import data_dirs
from tests.conftest import needs
from tests.workflow.running import copied, jobs, snakemake

pytestmark = pytest.mark.long
SIZES = {"train": 202920, "val": 29032, "test": 64176}
SMALL = "{steps: 10, batch_volumes: 4, validations: 1, val_sections: 64"
SLICE = f"""
run: vessel-slice
boards:
  - {{datasets: [vesselmnist3d], gatherings: [easy]}}
seeds: [1]
methods:
  section-only: {SMALL}}}
  volume-only: {SMALL}}}
  regismcan-released: {SMALL}}}
  regismcan: {SMALL}, width: 8}}
"""
HARD = """
run: vessel-hard
boards:
  - {datasets: [vesselmnist3d], gatherings: [hard]}
seeds: [1]
without: [exhaustive, section-only, volume-only, oracle-coarse]
"""


def test_a_slice_of_the_vessel_run(tmp_path: Path) -> None:
    found = any(path.is_file() for top in data_dirs() for path in top.rglob("vesselmnist3d.npz"))
    needs(found, "vesselmnist3d.npz is in no folder of ATOMBENCH_DATA_DIRS")
    folder = copied(tmp_path)
    for name, text in (("easy", SLICE), ("hard", HARD)):
        (folder / f"{name}.yaml").write_text(text)
        answer = snakemake(folder, "--configfile", f"{name}.yaml")
        assert answer.returncode == 0, answer.stdout
        manifest = folder / f"results/atom/vesselmnist3d/{name}-none-x1/manifest.json"
        assert json.loads(manifest.read_text())["sections"] == SIZES
    table = pd.read_csv(folder / "results/board/results.csv")
    shares = table[table["seed"] == "all"].set_index(["gathering", "method", "metric"])["value"]
    # The second run keeps the first one's board, and neither has anything left to do.
    assert set(table["gathering"]) == {"easy", "hard"}
    assert jobs(snakemake(folder, "-n", "--configfile", "easy.yaml").stdout) == {}
    # Constant and random against the independent re-derivation (38.3 and 26.8 hard, 45.5 and 34.9 easy).
    for gathering, constant, random in (("hard", 0.383, 0.268), ("easy", 0.455, 0.349)):
        assert shares[gathering, "constant", "high@5"] == pytest.approx(constant, abs=0.01)
        assert shares[gathering, "random", "high@5"] == pytest.approx(random, abs=0.01)
    assert shares["easy", "exhaustive", "fine_recall@1"] > 0.99
