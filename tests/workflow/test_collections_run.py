"""Tests of runs on collections, from the registry entry to the board: public datasets, and a BIDS dataset of a user."""

from pathlib import Path

import pandas as pd
import pytest
import yaml

from atombench.audit.record import load_findings
from atombench.records.record import load_record
from atombench.tasks.atom.shown import Shown
from atombench.tasks.atom.task import ATOM
from atombench.volumes.fetch import DATA_DIRS, data_dirs
from tests.browser.checks import check_site
from tests.conftest import ROOT, needs
from tests.volumes.building import bids
from tests.workflow.running import RECORDS, copied, jobs, snakemake

CONTROLS = ATOM.registry.controls
pytestmark = pytest.mark.long(minutes=5)
FOLDERS = {"ixi": "ixi-hh-t1", "hippocampus": "msd-task04-hippocampus"}
FEW = {"steps": 10, "batch_volumes": 4, "validations": 1, "val_sections": 64}
SLOW = ("section-only", "volume-only", "oracle-coarse", "regismcan-released")  # slow; the default run has them, too
ALL_SLOW = (*SLOW, "exhaustive", "regismcan")
ALL = [pytest.param(name, (), marks=pytest.mark.thorough) for name in FOLDERS]


@pytest.mark.parametrize(("name", "without"), [("ixi", SLOW), ("hippocampus", ALL_SLOW), *ALL])
def test_a_real_collection_runs_with_the_default_methods(name: str, without: tuple[str, ...], tmp_path: Path) -> None:
    needs(any((top / FOLDERS[name]).is_dir() for top in data_dirs()), f"{FOLDERS[name]} is in no folder of {DATA_DIRS}")
    folder = copied(tmp_path)
    config = yaml.safe_load((ROOT / f"config/{name}.yaml").read_text())
    config["boards"][0]["gatherings"], config["seeds"] = ["hard"], [1]  # its finite set of normals makes the search short
    config["methods"] = {method: FEW for method in config["methods"] if method not in without}
    config["without"] = [method for method in without if method in ATOM.registry.controls]
    (folder / "c.yaml").write_text(yaml.safe_dump(config))
    answer = snakemake(folder, "--configfile", "c.yaml")
    assert answer.returncode == 0, answer.stdout
    table = pd.read_csv(folder / "results/board/results.csv", dtype={"seed": str})
    found = table[(table["seed"] == "all") & (table["metric"] == "fine_recall@1")].set_index("method")["value"]
    assert set(found.index) == {*ATOM.registry.controls, *config["methods"], "chance"} - set(without)
    if "exhaustive" not in without:
        assert found["exhaustive"] > 0.9
        centre = table[(table["method"] == "exhaustive") & (table["metric"] == "centre_mm")]
        assert (centre["value"] < 10).all()
        assert len(centre)
    assert jobs(snakemake(folder, "-n", "--configfile", "c.yaml").stdout) == {}
    check_site(folder / "results/board", boards=1)


def test_a_bids_dataset_of_a_user_runs_with_one_registry_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
            {"datasets": ["my-study"], "gatherings": ["uniform"], "scales": [3]},
            {"datasets": ["mni-subjects"], "gatherings": ["hard"]},
        ],
        "seeds": [1],
        "without": ["random", "exhaustive", "volume-only", "oracle-coarse"],
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
    shown = set(zip(table["split"], table["scale"], strict=True))
    assert shown == {("none", 1), ("pos", 1), ("vol", 1), ("none", 3)}
    for form in ("cube20", "cube60"):
        card = (folder / f"results/board/datasets/my-study-{form}.html").read_text()
        assert "Study &lt;1&gt;" in card
        assert "data:image" not in card
        assert "sub-s00" not in card
    records = [load_record(path) for path in folder.glob(RECORDS) if "my-study" in path.parts]
    own_parts = [Shown.model_validate(record.own) for record in records]
    assert all(len(own.answers) == 6 and not own.failures for own in own_parts)
    assert any(record.curve for record in records)
    assert not any(load_findings(path).pictures for path in (folder / "results/atom/my-study").glob("*/audit.json"))
    assert load_findings(folder / "results/atom/mni-subjects/hard-none-x1/audit.json").pictures
    audit = pd.read_csv(folder / "results/board/audit.csv").query("dataset == 'my-study'")
    audit = audit.set_index(["board", "part", "finding"])["value"]
    assert audit["hard-vol-x1", "test", "volumes_in_training"] == 1
    assert audit["hard-pos-x1", "test", "positions_in_training"] == 1
