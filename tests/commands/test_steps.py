"""Tests of the steps of a run, called in the order of the workflow on a small board."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from atombench.commands import evaluate, export, predict, queries, train
from atombench.engine.weights import load_bundle, save_failure
from atombench.errors import ConfigError, DataError
from atombench.records.layout import Layout
from atombench.records.record import Record, load_record
from atombench.records.run import Run
from atombench.submissions.validate import validate
from tests.conftest import ROOT, volume_set
from tests.submissions.conftest import Board, saved, write_yaml
from tests.volumes.on_disk import ABOUT

FEW = '{"steps": 3, "width": 8, "batch_volumes": 2, "validations": 1, "val_sections": 32}'


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Board:
    return saved(tmp_path_factory.mktemp("steps") / "results", volume_set((6, 3, 3)))


def run_steps(board: Board, method: str, failure: str = "", options: str = "{}", **changes: Any) -> tuple[Record, Path]:
    """Train, predict and evaluate; return the record and the folder of the answers."""
    layout, name = Layout(board.results), {"board": board.name, "method": method}
    learning = {"options": options, "device": "cpu"}
    run = Run.of(board.made.board, method, 1)
    data, trained, folder = layout.curated("toy", "cube20"), layout.trained(run), layout.answered(run)
    files = {"data": data, "manifest": layout.manifest(board.made.board)}
    weights = trained / "weights.safetensors"
    costs = {"train": trained / "training.json", "predict": folder / "predicting.json"}
    train.run(**name, **files, out=weights, curve=trained / "curve.jsonl", cost=costs["train"], **learning)
    if failure:
        save_failure(weights, failure, load_bundle(weights).origin)
    outs = {"out": folder / "predictions.parquet", "swaps": folder / "swaps.parquet", "cost": costs["predict"]}
    predict.run(**name, **files, weights=weights, **outs, **learning, **changes)
    evaluate.run(
        **name,
        **files,
        predictions=outs["out"],
        swaps=outs["swaps"],
        weights=weights,
        training=costs["train"],
        predicting=costs["predict"],
        curve=trained / "curve.jsonl",
        out=layout.record(run),
        registry=ROOT / "config/datasets.yaml",
    )
    return load_record(layout.record(run), "1.1"), folder


@pytest.mark.parametrize("method", ["constant", "oracle-coarse"])
def test_a_run_ends_with_a_record_of_all_its_inputs(method: str, board: Board) -> None:
    record, _ = run_steps(board, method)
    assert record.run.key == f"atom/toy/hard-none-x1/clean/{method}/seed1"
    assert (record.status, record.origin) == ("complete", "measured")
    assert record.digests.data == board.data.index.digest
    assert record.digests.manifest == board.manifest.digest
    assert record.clusters == list(board.data.index.ids[-3:])
    assert {metric.protocol for metric in record.metrics} == {"strict", "published"}
    coarse = record.find("strict", "coarse_recall@1")
    assert coarse is not None
    assert (coarse.value == 1) == (method == "oracle-coarse")


def test_a_failed_training_leads_to_a_failed_record(board: Board) -> None:
    record, _ = run_steps(board, "constant", failure="training: out of memory")
    assert (record.status, record.metrics, record.strata) == ("failed", [], [])
    assert "training: out of memory" in record.reason
    assert record.clusters == list(board.data.index.ids[-3:])


def test_exported_answers_are_a_valid_submission(board: Board, tmp_path: Path) -> None:
    _, folder = run_steps(board, "regismcan", options=FEW)
    submission = board.submission(tmp_path)
    (submission / "predictions/a.npz").unlink()
    out = submission / "predictions/a.parquet"
    export.run(board.name, folder / "predictions.parquet", out, board.results)
    facts = board.facts()
    facts["boards"][0]["predictions"][0]["file"] = "predictions/a.parquet"
    write_yaml(submission, facts)
    assert validate(submission, results=board.results)[1] == []
    _, folder = run_steps(board, "constant")
    with pytest.raises(DataError, match="only learned methods have them"):
        export.run(board.name, folder / "predictions.parquet", out, board.results)


def test_an_unknown_condition_and_weights_of_another_form_are_rejected(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="unknown condition of atom 'histology-9'"):
        run_steps(board, "constant", condition="histology-9")
    layout, run = Layout(board.results), Run.of(board.made.board, "constant", 1)
    run_steps(board, "constant")
    monkeypatch.setattr("atombench.tasks.atom.task.Atom.form", lambda self, board: "cube40")
    with pytest.raises(DataError, match="holds weights for task atom, form cube20; expected atom, cube40"):
        predict.run(
            board.name,
            "constant",
            layout.curated("toy", "cube20"),
            layout.manifest(run.board),
            layout.trained(run) / "weights.safetensors",
            layout.answered(run) / "other.parquet",
            layout.answered(run) / "other.json",
            layout.answered(run) / "other-swaps.parquet",
            device="cpu",
        )


def test_exported_queries_state_the_terms_of_restricted_data(board: Board, tmp_path: Path) -> None:
    registry = tmp_path / "d.yaml"
    row = {**ABOUT, "kind": "mni-subjects", "template": "t", "template_sha256": "0", "train": 4, "val": 2, "test": 2}
    registry.write_text(json.dumps({"toy": {**row, "restricted": True}}))
    queries.run("toy/hard-none-x1", tmp_path / "out", results=board.results, registry=registry)
    assert len(np.load(tmp_path / "out/sections.npy")) == len(board.questions.ids)
    assert "forbid redistribution" in (tmp_path / "out/README.md").read_text()
    assert not (tmp_path / "out/train_labels.npy").exists()
