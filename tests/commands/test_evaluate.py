"""`atombench evaluate`: what a record gets from the files beside the predictions, and from the registry."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from atombench.commands.evaluate import run
from atombench.engine.answers import save_predictions
from atombench.engine.contract import Predictions
from atombench.errors import DataError
from atombench.io.files import file_digest
from atombench.records.record import Record, load_record
from atombench.tasks.atom.manifest import Manifest
from atombench.volumes.volume_set import VolumeSet
from tests.records.made import example
from tests.volumes.on_disk import ABOUT

ROW = {**ABOUT, "kind": "mni-subjects", "template": "t", "template_sha256": "0", "train": 4, "val": 2, "test": 2}
CURVE = '{"step": 1, "train/loss": 0.5}\n'


@pytest.fixture
def files(toy: VolumeSet, toy_manifest: Manifest, tmp_path: Path) -> dict[str, Any]:
    """What the other steps wrote for one unit."""
    names = {"volumes": "v.npz", "manifest": "m.parquet", "weights": "w", "predictions": "p.parquet", "training": "t.json"}
    found = {name: tmp_path / file for name, file in {**names, "curve": "c.jsonl", "out": "record.json"}.items()}
    toy.save(found["volumes"])
    toy_manifest.save(found["manifest"])
    found["weights"].write_bytes(b"weights")
    found["training"].write_text(json.dumps({"facts": {}, "cost": example().training.model_dump()}))
    found["curve"].write_text(CURVE)
    source = {"manifest": toy_manifest.digest, "method": "constant", "seed": "1", "weights": file_digest(found["weights"])}
    boxes = np.random.default_rng(0).random((toy_manifest.counts["test"], 729)).astype(np.float32)
    save_predictions(found["predictions"], Predictions(boxes=boxes), source)
    return {**found, "predicting": found["training"], "method": "constant"}


def evaluated(files: dict[str, Any], rows: dict[str, Any]) -> Record:
    registry = files["out"].with_name("d.yaml")
    registry.write_text(json.dumps(rows))
    run(**files, registry=registry)
    return load_record(files["out"])


def test_a_record_holds_curve_answers_and_failures(files: dict[str, Any]) -> None:
    record = evaluated(files, {"toy": ROW})
    assert record.curve == [{"step": 1.0, "train/loss": 0.5}]
    assert (len(record.answers), len(record.failures)) == (6, 4)
    before = files["out"].read_bytes()
    evaluated(files, {"toy": ROW})
    assert files["out"].read_bytes() == before


@pytest.mark.parametrize("rows", [{"toy": {**ROW, "restricted": True}}, {"another": ROW}])
def test_restricted_and_unknown_data_show_answers_and_no_pictures(rows: dict[str, Any], files: dict[str, Any]) -> None:
    record = evaluated(files, rows)
    assert record.failures == []
    assert len(record.answers) == 6
    assert "iVBOR" not in files["out"].read_text()


def test_an_empty_curve_and_none_at_all_are_the_same(files: dict[str, Any]) -> None:
    files["curve"].write_text("")
    assert evaluated(files, {"toy": ROW}).curve == []
    assert evaluated({**files, "curve": None}, {"toy": ROW}).curve == []


def test_a_damaged_curve_leaves_no_record(files: dict[str, Any]) -> None:
    files["curve"].write_text(CURVE[:-5])
    with pytest.raises(DataError, match="is not a training curve"):
        evaluated(files, {"toy": ROW})
    assert not files["out"].exists()
