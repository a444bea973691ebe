import json
from pathlib import Path

import pytest

from atombench.errors import DataError
from atombench.evaluation.record import Record, save_record
from atombench.runs import Result, load_results, save_run
from atombench.tracking import EXPERIMENT, UNIT_TAG, mirror
from tests.evaluation.records import example


def stored(folder: Path, *records: Record) -> list[Result]:
    paths = []
    for record in records:
        path = folder / record.unit.method / str(record.unit.seed) / "record.json"
        save_record(path, record)
        rows = [{"step": step, "train/loss": 3.0 - step, "val/fine_recall@1": 0.1 * step} for step in (1, 2)]
        path.with_name("curve.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        paths.append(path)
    save_run(folder / "run.json", "test", {}, paths)
    return load_results([folder / "run.json"])[0]


def runs_in(store: Path) -> dict[str, object]:
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{store}")
    experiment = client.get_experiment_by_name(EXPERIMENT)
    return {run.data.tags[UNIT_TAG]: (client, run) for run in client.search_runs([experiment.experiment_id])}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mlflow")


def test_the_mirror_is_idempotent_and_follows_the_records(place: Path) -> None:
    store = place / "mlflow.db"
    first, second = example("constant"), example("regismcan", 2, role="network")
    assert set(mirror(stored(place, first, second), store).values()) == {"added"}
    assert mirror(stored(place, first, second), store) == {}
    changed = example("regismcan", 2, 0.9, role="network")
    assert mirror(stored(place, first, changed), store) == {changed.unit.key: "replaced"}
    assert mirror(stored(place, first), store) == {changed.unit.key: "deleted"}
    assert set(runs_in(store)) == {first.unit.key}


def test_a_deleted_store_is_made_anew_with_the_same_content(place: Path) -> None:
    results = stored(place, example("constant"), example("regismcan", 2, role="network"))
    content = []
    for _ in range(2):
        (place / "again.db").unlink(missing_ok=True)
        mirror(results, place / "again.db")
        content.append({key: (run.data.params, run.data.metrics) for key, (_, run) in runs_in(place / "again.db").items()})
    assert content[0] == content[1]


def test_a_run_holds_params_metrics_by_step_tags_and_artifacts(place: Path) -> None:
    record = example("regismcan", 2, role="network")
    store = place / "whole.db"
    mirror(stored(place, record), store)
    client, run = runs_in(store)[record.unit.key]
    assert run.data.params["method"] == "regismcan"
    assert run.data.params["option.steps"] == "3"
    assert run.data.tags["git.commit"] == record.training.commit
    assert run.data.tags["digest.manifest"] == record.digests.manifest
    assert run.data.metrics["test/strict/fine_recall_at_1"] == pytest.approx(record.metrics[0].value)
    history = client.get_metric_history(run.info.run_id, "train/loss")
    assert [(point.step, point.value) for point in history] == [(1, 2.0), (2, 1.0)]
    assert {artifact.path for artifact in client.list_artifacts(run.info.run_id)} == {"record.json", "curve.jsonl"}
    assert run.info.status == "FINISHED"


def test_a_run_that_was_cut_short_is_replaced(place: Path) -> None:
    from mlflow.tracking import MlflowClient

    record = example("constant")
    store = place / "cut.db"
    mirror(stored(place, record), store)
    client, run = runs_in(store)[record.unit.key]
    client.delete_tag(run.info.run_id, "atombench.record_sha256")
    assert mirror(stored(place, record), store) == {record.unit.key: "replaced"}
    assert isinstance(client, MlflowClient)
    assert len(runs_in(store)) == 1


def test_a_file_that_is_no_store_is_named(place: Path) -> None:
    (place / "junk.db").write_text("junk, not a database, and long enough to be read as one" * 20)
    with pytest.raises(DataError, match=r"junk\.db is not an MLflow store .*delete it") as error:
        mirror(stored(place, example("constant")), place / "junk.db")
    assert "\n" not in str(error.value)
