"""Runs on collections, from the registry row to the board: real ones with the default methods, and a user's own by one row."""

from pathlib import Path

import pandas as pd
import pytest
import yaml

from atombench.audit.record import load_findings
from atombench.records.record import load_record
from atombench.tasks.atom.methods.table import CONTROLS
from atombench.volumes.fetch import DATA_DIRS, data_dirs
from tests.browser.checks import check_site
from tests.conftest import ROOT, needs
from tests.volumes.building import bids
from tests.workflow.running import copied, jobs, snakemake

pytestmark = pytest.mark.long
FOLDERS = {"ixi": "ixi-hh-t1", "hippocampus": "msd-task04-hippocampus"}
FEW = {"steps": 10, "batch_volumes": 4, "validations": 1, "val_sections": 64}


@pytest.mark.parametrize("name", FOLDERS)
def test_a_real_collection_runs_with_the_default_methods(name: str, tmp_path: Path) -> None:
    needs(any((top / FOLDERS[name]).is_dir() for top in data_dirs()), f"{FOLDERS[name]} is in no folder of {DATA_DIRS}")
    folder = copied(tmp_path)
    config = yaml.safe_load((ROOT / f"config/{name}.yaml").read_text())
    config["boards"][0]["gatherings"], config["seeds"] = ["uniform"], [1]
    for method in ("section-only", "volume-only", "regismcan-released", "regismcan"):
        config["methods"][method] = FEW
    (folder / "c.yaml").write_text(yaml.safe_dump(config))
    answer = snakemake(folder, "--configfile", "c.yaml")
    assert answer.returncode == 0, answer.stdout
    table = pd.read_csv(folder / "results/board/results.csv", dtype={"seed": str})
    found = table[(table["seed"] == "all") & (table["metric"] == "fine_recall@1")].set_index("method")["value"]
    assert set(found.index) == {*CONTROLS, *config["methods"], "chance"}
    assert found["exhaustive"] > 0.9
    centre = table[(table["method"] == "exhaustive") & (table["metric"] == "centre_mm")]
    assert (centre["value"] < 10).all()
    assert len(centre)
    assert jobs(snakemake(folder, "-n", "--configfile", "c.yaml").stdout) == {}
    check_site(folder / "results/board", boards=1)


def test_a_users_bids_dataset_runs_by_one_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = copied(tmp_path / "project")
    row = bids(tmp_path / "data" / "study", "PSR")
    monkeypatch.setenv(DATA_DIRS, str(tmp_path / "data"))
    with (folder / "config/datasets.yaml").open("a") as stream:
        stream.write("\n" + yaml.safe_dump({"my-study": {**row, "restricted": True, "title": "Study <1>"}}))
    run = {
        "run": "mine",
        "transfer": [{"train": "my-study", "test": "mni-subjects"}],
        "boards": [
            {"datasets": ["my-study"], "gatherings": ["hard"], "splits": ["none", "pos", "vol"]},
            {"datasets": ["my-study"], "gatherings": ["uniform"], "scales": [2, 3]},
            {"datasets": ["mni-subjects"], "gatherings": ["hard"]},
        ],
        "seeds": [1],
        "without": ["exhaustive", "volume-only", "oracle-coarse"],
        "methods": {"section-only": FEW},
    }
    (folder / "mine.yaml").write_text(yaml.safe_dump(run))
    answer = snakemake(folder, "--configfile", "mine.yaml")
    assert answer.returncode == 0, answer.stdout
    table = pd.read_csv(folder / "results/board/results.csv")
    moved = table[table["method"] == "section-only@my-study"]
    assert set(moved["dataset"]) == {"mni-subjects"}
    assert moved["value"].notna().all()
    table = table[table["dataset"] == "my-study"]
    assert set(zip(table["split"], table["scale"], strict=True)) == {
        ("none", 1),
        ("pos", 1),
        ("vol", 1),
        ("none", 2),
        ("none", 3),
    }
    for scale in (1, 2, 3):
        card = (folder / f"results/board/datasets/my-study-x{scale}.html").read_text()
        assert "Study &lt;1&gt;" in card
        assert "data:image" not in card
        assert "sub-s00" not in card
    found = [load_record(path) for path in (folder / "results/atom/my-study").glob("*/*/*/record.json")]
    assert all(len(record.answers) == 6 and not record.failures for record in found)
    assert any(record.curve for record in found)
    assert not any(load_findings(path).cases for path in (folder / "results/atom/my-study").glob("*/audit.json"))
    assert load_findings(folder / "results/atom/mni-subjects/hard-none-x1/audit.json").cases
    audit = pd.read_csv(folder / "results/board/audit.csv").query("dataset == 'my-study'")
    audit = audit.set_index(["split", "part", "finding"])["value"]
    assert audit["vol", "test", "volumes_in_training"] == 1
    assert audit["pos", "test", "positions_in_training"] == 1
