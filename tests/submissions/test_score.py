"""Tests of scoring: the same answers get the same metrics whether submitted or produced by a run."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from atombench.commands.score import run
from atombench.engine.answers import Answers
from atombench.engine.contract import Resources
from atombench.engine.exchanges import Exchanged, split_answers
from atombench.errors import ConfigError, DataError
from atombench.records.record import load_record, save_record
from atombench.submissions import answers as reading
from atombench.submissions.export import export_answers
from atombench.submissions.score import score
from atombench.tasks.atom.queries import query_order
from atombench.tasks.atom.task import ATOM
from atombench.tasks.atom.training import make_training
from atombench.tasks.evaluate import evaluate
from tests.submissions.conftest import NAME, Board, write_yaml
from tests.volumes.on_disk import ABOUT

METHODS = ("random", "constant", "regismcan-released", "regismcan", "mcan")


def answers_of(board: Board, name: str) -> tuple[Answers, dict[str, Exchanged]]:
    """Return the answers of a built-in method in manifest order, and those to exchanged cases."""
    method = ATOM.registry.build(name, ATOM.registry.build(name, {}).smoke)
    resources = Resources(seed=1)
    weights = method.fit(make_training(board.data, board.manifest), resources)
    mixed = board.questions.mixed
    return split_answers(ATOM, method.predict(weights, mixed.queries, resources), mixed, query_order(board.manifest))


@pytest.mark.parametrize("name", METHODS)
def test_exported_answers_of_built_in_methods_get_identical_metrics(name: str, board: Board, tmp_path: Path) -> None:
    answers, exchanged = answers_of(board, name)
    folder = board.submission(tmp_path)
    (folder / "predictions/a.npz").unlink()
    export_answers(answers, exchanged, board.made, folder / "predictions/a.parquet")
    facts = {**board.facts(), "probabilities": answers.probabilities}
    facts["boards"][0]["predictions"][0]["file"] = "predictions/a.parquet"
    write_yaml(folder, facts)
    (record,) = score(folder, board.results)
    expected = evaluate(ATOM, answers, board.data, board.manifest, exchanged).metrics
    assert record.metrics == expected
    assert [metric.model_dump_json() for metric in record.metrics] == [metric.model_dump_json() for metric in expected]


def test_poses_alone_cannot_be_exported(board: Board, tmp_path: Path) -> None:
    count = len(board.questions.mixed)
    mixed, order = board.questions.mixed, query_order(board.manifest)
    poses = Answers(centres=np.zeros((count, 3)), normals=np.ones((count, 3)))
    answers, exchanged = split_answers(ATOM, poses, mixed, order)
    with pytest.raises(DataError, match="answers of centres, normals alone cannot be exported"):
        export_answers(answers, exchanged, board.made, tmp_path / "a.parquet")


def test_all_forms_of_the_same_answers_get_the_same_metrics(board: Board, tmp_path: Path) -> None:
    """Scores by box, scores by rank, and rows in another order are equivalent."""
    arrays = board.answers()
    ranked = np.argsort(-arrays["boxes"], axis=1, kind="stable")
    scores = np.take_along_axis(arrays["boxes"], ranked, axis=1)
    mixed = np.random.default_rng(1).permutation(len(ranked))
    forms = (
        arrays,
        {"query": arrays["query"], "ranked": ranked, "scores": scores},
        {name: array[mixed] for name, array in arrays.items()},
    )
    numbers = []
    for place, form in enumerate(forms):
        folder = board.submission(tmp_path / str(place))
        np.savez(folder / "predictions/a.npz", **form)
        numbers.append([metric.model_dump_json() for record in score(folder, board.results) for metric in record.metrics])
    assert numbers[0] == numbers[1] == numbers[2]


def test_a_submitted_pose_is_scored_by_recall_and_distance(board: Board, tmp_path: Path) -> None:
    sections, mixed = board.manifest.parts["test"].take(query_order(board.manifest)), board.questions.mixed
    folder = board.submission(tmp_path)
    asked = np.empty(len(mixed), dtype=np.int64)
    for name, rows in mixed.rows.items():
        asked[rows] = mixed.asked[name]
    cases = sections.take(asked)
    pose = {"query": np.array(board.questions.ids), "centre": cases.centres.astype(float), "normal": cases.normals}
    np.savez(folder / "predictions/a.npz", **pose)
    (record,) = score(folder, board.results)
    metrics = {(metric.protocol, metric.metric): metric.value for metric in record.metrics}
    assert metrics["strict", "fine_recall@1"] == 1.0
    assert metrics["strict", "centre_voxel"] == 0.0
    assert metrics["volume-swap", "fine_recall@1"] == 1.0  # true poses, whatever the volume
    assert metrics["shift", "fine_recall@1"] == 0.0


def test_the_record_states_its_origin_and_survives_saving(board: Board, tmp_path: Path) -> None:
    (record,) = score(board.submission(tmp_path), board.results)
    assert (record.origin, record.role, record.run.method) == ("self-reported", "submission", NAME)
    assert record.training is None
    assert record.card["team"] == "we"
    save_record(tmp_path / "record.json", record)
    assert load_record(tmp_path / "record.json") == record


@pytest.mark.parametrize("restricted", [False, True])
def test_records_contain_pictures_only_if_the_data_may_be_shown(restricted: bool, board: Board, tmp_path: Path) -> None:
    row = {**ABOUT, "kind": "mni-subjects", "template": "t", "template_sha256": "0", "train": 4, "val": 2, "test": 2}
    (tmp_path / "d.yaml").write_text(json.dumps({"toy": {**row, "restricted": restricted}}))
    folder, out = board.submission(tmp_path), tmp_path / "record.json"
    run(folder, board=[board.name], seed=[1], out=out, results=board.results, registry=tmp_path / "d.yaml")
    record = load_record(out)
    assert len(record.own["failures"]) == (0 if restricted else 4)
    assert len(record.own["answers"]) == 6
    (unknown,) = score(folder, board.results)
    assert unknown.own["failures"] == []


def test_an_invalid_submission_is_rejected_or_becomes_a_failed_record(board: Board, tmp_path: Path) -> None:
    folder = board.submission(tmp_path)
    np.savez(folder / "predictions/a.npz", query=np.array(board.questions.ids))
    with pytest.raises(DataError, match=r"good-one is rejected: .*expected 'boxes'"):
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
    with pytest.raises(DataError, match="has no answers for atom/toy/easy-none-x1"):
        list(score(folder, board.results, ["toy/easy-none-x1"]))


def test_value_and_digest_are_of_the_same_bytes(board: Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is replaced while it is read: the record states the digest of the answers that were scored."""
    folder, other = board.submission(tmp_path), board.answers()
    path = folder / "predictions/a.npz"
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    (expected,) = score(folder, board.results)
    reader = reading.read_arrays

    def replaced(*arguments: object) -> object:
        np.savez(path, query=other["query"], boxes=np.ones_like(other["boxes"]))
        return reader(*arguments)

    monkeypatch.setattr(reading, "read_arrays", replaced)
    (record,) = score(folder, board.results)
    assert hashlib.sha256(path.read_bytes()).hexdigest() != before
    assert record.digests.predictions == before
    assert record.metrics == expected.metrics
    assert record.answers == expected.answers != ""
