"""Submitted predictions are scored by the platform's own evaluator: the same answers give the same numbers."""

import json
from pathlib import Path

import numpy as np
import pytest

from atombench.commands.score import run
from atombench.engine.answers import in_manifest_order
from atombench.engine.contract import Predictions, Resources, make_training
from atombench.engine.registry import build
from atombench.errors import ConfigError, DataError
from atombench.records.record import load_record, save_record
from atombench.submissions.export import export_predictions
from atombench.submissions.score import score
from atombench.tasks.atom.evaluate import evaluate
from atombench.tasks.atom.queries import make_queries, query_order
from tests.submissions.conftest import NAME, Board, write_yaml
from tests.volumes.on_disk import ABOUT

METHODS = ("random", "constant", "exhaustive", "regismcan-released", "regismcan", "mcan")


def own(board: Board, name: str) -> Predictions:
    """Answers of one of the platform's methods, in manifest order."""
    method = build(name, build(name, {}).smoke)
    resources = Resources(seed=1)
    weights = method.fit(make_training(board.volumes, board.manifest), resources)
    found = method.predict(weights, make_queries(board.volumes, board.manifest), resources)
    return in_manifest_order(found, query_order(board.manifest))


@pytest.mark.parametrize("name", METHODS)
def test_exported_predictions_of_our_methods_get_byte_identical_metrics(name: str, board: Board, tmp_path: Path) -> None:
    predictions = own(board, name)
    folder = board.submission(tmp_path)
    (folder / "predictions/a.npz").unlink()
    export_predictions(predictions, board.manifest, folder / "predictions/a.parquet")
    facts = {**board.facts(), "probabilities": predictions.probabilities}
    facts["boards"][0]["predictions"][0]["file"] = "predictions/a.parquet"
    write_yaml(folder, facts)
    (record,) = score(folder, board.results)
    expected = evaluate(predictions, board.manifest, board.volumes)
    assert record.metrics == expected
    assert [one.model_dump_json() for one in record.metrics] == [one.model_dump_json() for one in expected]


def test_the_forms_of_answers_agree(board: Board, tmp_path: Path) -> None:
    """All boxes in rank order, all boxes in place, and rows in another order are the same answers."""
    found = board.answers()
    ranked = np.argsort(-found["boxes"], axis=1, kind="stable")
    scores = np.take_along_axis(found["boxes"], ranked, axis=1)
    mixed = np.random.default_rng(1).permutation(len(ranked))
    forms = (
        found,
        {"query": found["query"], "ranked": ranked, "scores": scores},
        {name: array[mixed] for name, array in found.items()},
    )
    numbers = []
    for place, form in enumerate(forms):
        folder = board.submission(tmp_path / str(place))
        np.savez(folder / "predictions/a.npz", **form)
        numbers.append([one.model_dump_json() for record in score(folder, board.results) for one in record.metrics])
    assert numbers[0] == numbers[1] == numbers[2]


def test_a_pose_is_scored_with_its_distances(board: Board, tmp_path: Path) -> None:
    sections = board.manifest.parts["test"].take(query_order(board.manifest))
    folder = board.submission(tmp_path)
    pose = {"query": np.array(board.asked.ids), "centre": sections.centres.astype(float), "normal": sections.normals}
    np.savez(folder / "predictions/a.npz", **pose)
    (record,) = score(folder, board.results)
    metrics = {(one.protocol, one.metric): one.value for one in record.metrics}
    assert metrics["strict", "fine_recall@1"] == 1.0
    assert metrics["strict", "centre_voxel"] == 0.0


def test_the_record_says_whose_it_is_and_survives_the_disk(board: Board, tmp_path: Path) -> None:
    (record,) = score(board.submission(tmp_path), board.results)
    assert (record.origin, record.role, record.unit.method) == ("submitted predictions", "submission", NAME)
    assert record.training is None
    assert record.card["team"] == "we"
    save_record(tmp_path / "record.json", record)
    assert load_record(tmp_path / "record.json") == record


@pytest.mark.parametrize("restricted", [False, True])
def test_answers_are_shown_and_pictures_only_of_data_that_may_be(restricted: bool, board: Board, tmp_path: Path) -> None:
    row = {**ABOUT, "kind": "mni-subjects", "template": "t", "template_sha256": "0", "train": 4, "val": 2, "test": 2}
    (tmp_path / "d.yaml").write_text(json.dumps({"toy": {**row, "restricted": restricted}}))
    folder, out = board.submission(tmp_path), tmp_path / "record.json"
    run(folder, board=[board.name], seed=[1], out=out, results=board.results, registry=tmp_path / "d.yaml")
    record = load_record(out)
    assert len(record.failures) == (0 if restricted else 4)
    assert len(record.answers) == 6
    (unknown,) = score(folder, board.results)
    assert unknown.failures == []


def test_what_cannot_be_scored_is_refused_whole_or_becomes_a_failed_row(board: Board, tmp_path: Path) -> None:
    folder = board.submission(tmp_path)
    np.savez(folder / "predictions/a.npz", query=np.array(board.asked.ids))
    with pytest.raises(DataError, match=r"good-one is refused: .*expected 'boxes'"):
        run(folder, results=board.results)
    assert not list(board.results.rglob("record.json"))
    out = tmp_path / "record.json"
    run(folder, board=[board.name], seed=[1], out=out, results=board.results)
    record = load_record(out)
    assert (record.status, record.metrics) == ("failed", [])
    assert "expected 'boxes'" in record.reason
    with pytest.raises(ConfigError, match="one --board and one --seed"):
        run(folder, out=out, results=board.results)


def test_one_board_and_seed_are_scored_without_reading_the_others(board: Board, tmp_path: Path) -> None:
    folder = board.submission(tmp_path)
    facts = {**board.facts(), "seeds": [1, 2]}
    facts["boards"][0]["predictions"].append({"seed": 2, "file": "predictions/b.npz"})
    write_yaml(folder, facts)
    (folder / "predictions/b.npz").write_bytes(b"damaged")
    (first,) = score(folder, board.results, [board.name], [1])
    assert first.status == "complete"
    out = tmp_path / "record.json"
    run(folder, board=[board.name], seed=[2], out=out, results=board.results)
    assert load_record(out).status == "failed"
    with pytest.raises(DataError, match="has no predictions for toy/easy-none-x1"):
        list(score(folder, board.results, ["toy/easy-none-x1"]))
