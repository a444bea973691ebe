"""Tests of `atombench evaluate`: content of the record from the output files of the other steps and the registry."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from atombench.commands.evaluate import run
from atombench.engine.answers import Answers, save_answers
from atombench.errors import DataError
from atombench.io.files import file_digest
from atombench.records.record import Record, load_record
from atombench.tasks.atom.manifest import Manifest
from atombench.volumes.curated import Curated
from tests.records.made import example
from tests.volumes.on_disk import ABOUT

ROW = {**ABOUT, "kind": "mni-subjects", "template": "t", "template_sha256": "0", "train": 4, "val": 2, "test": 2}
CURVE = '{"step": 1, "train/loss": 0.5}\n'


@pytest.fixture
def files(toy_data: Curated, toy_manifest: Manifest, tmp_path: Path) -> dict[str, Any]:
    """Return the output files of the other steps of one run, by option name."""
    names = {"data": "cube20", "manifest": "m.parquet", "weights": "w", "predictions": "p.parquet", "training": "t.json"}
    paths = {name: tmp_path / file for name, file in {**names, "curve": "c.jsonl", "out": "record.json"}.items()}
    toy_data.save(paths["data"])
    toy_manifest.save(paths["manifest"])
    paths["weights"].write_bytes(b"weights")
    paths["training"].write_text(json.dumps({"facts": {}, "cost": example().training.model_dump()}))
    paths["curve"].write_text(CURVE)
    source = {"manifest": toy_manifest.digest, "method": "constant", "seed": "1", "condition": "clean"}
    source["weights"] = file_digest(paths["weights"])
    count = toy_manifest.counts["test"]
    boxes = np.random.default_rng(0).random((count, 729)).astype(np.float32)
    save_answers(paths["predictions"], Answers(boxes=boxes), source, count)
    return {**paths, "board": toy_manifest.board.key, "predicting": paths["training"], "method": "constant"}


def evaluated(files: dict[str, Any], rows: dict[str, Any]) -> Record:
    registry = files["out"].with_name("d.yaml")
    registry.write_text(json.dumps(rows))
    run(**files, registry=registry)
    return load_record(files["out"])


def test_a_record_contains_curve_answers_and_failures(files: dict[str, Any]) -> None:
    record = evaluated(files, {"toy": ROW})
    assert record.curve == [{"step": 1.0, "train/loss": 0.5}]
    assert (len(record.own["answers"]), len(record.own["failures"])) == (6, 4)
    before = files["out"].read_bytes()
    evaluated(files, {"toy": ROW})
    assert files["out"].read_bytes() == before


@pytest.mark.parametrize("rows", [{"toy": {**ROW, "restricted": True}}, {"another": ROW}])
def test_records_of_restricted_and_unregistered_data_have_answers_but_no_pictures(
    rows: dict[str, Any], files: dict[str, Any]
) -> None:
    record = evaluated(files, rows)
    assert record.own["failures"] == []
    assert len(record.own["answers"]) == 6
    assert "iVBOR" not in files["out"].read_text()


def test_an_empty_curve_file_and_a_missing_one_are_equivalent(files: dict[str, Any]) -> None:
    files["curve"].write_text("")
    assert evaluated(files, {"toy": ROW}).curve == []
    assert evaluated({**files, "curve": None}, {"toy": ROW}).curve == []


def test_no_record_is_written_if_the_curve_is_damaged(files: dict[str, Any]) -> None:
    files["curve"].write_text(CURVE[:-5])
    with pytest.raises(DataError, match="is not a training curve"):
        evaluated(files, {"toy": ROW})
    assert not files["out"].exists()
