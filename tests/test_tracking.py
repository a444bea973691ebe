import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests

from atombench.errors import DataError
from atombench.records.record import Record, save_record
from atombench.records.run_list import Result, load_results, save_run
from atombench.tracking import EXPERIMENT, SOURCE_TAG, UNIT_TAG, check_store, mirror, source_of, store_address, without_password
from tests.conftest import ROOT
from tests.records.made import example
from tests.workflow.running import BIN


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


@pytest.fixture(autouse=True)
def _no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mlflow")


def test_the_mirror_is_idempotent_and_follows_the_records(place: Path) -> None:
    store = place / "mlflow.db"
    first, second = example("constant"), example("regismcan", 2, role="network")
    assert set(mirror(stored(place, first, second), store_address(store)).values()) == {"added"}
    assert mirror(stored(place, first, second), store_address(store)) == {}
    changed = example("regismcan", 2, 0.9, role="network")
    assert mirror(stored(place, first, changed), store_address(store)) == {changed.unit.key: "replaced"}
    assert mirror(stored(place, first), store_address(store)) == {changed.unit.key: "deleted"}
    assert set(runs_in(store)) == {first.unit.key}


def test_a_deleted_store_is_made_anew_with_the_same_content(place: Path) -> None:
    results = stored(place, example("constant"), example("regismcan", 2, role="network"))
    content = []
    for _ in range(2):
        (place / "again.db").unlink(missing_ok=True)
        mirror(results, store_address(place / "again.db"))
        content.append({key: (run.data.params, run.data.metrics) for key, (_, run) in runs_in(place / "again.db").items()})
    assert content[0] == content[1]


def test_a_run_holds_params_metrics_by_step_tags_and_artifacts(place: Path) -> None:
    record = example("regismcan", 2, role="network")
    store = place / "whole.db"
    mirror(stored(place, record), store_address(store))
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
    mirror(stored(place, record), store_address(store))
    client, run = runs_in(store)[record.unit.key]
    client.delete_tag(run.info.run_id, "atombench.record_sha256")
    assert mirror(stored(place, record), store_address(store)) == {record.unit.key: "replaced"}
    assert isinstance(client, MlflowClient)
    assert len(runs_in(store)) == 1


def test_a_store_of_an_earlier_version_is_followed_not_doubled(place: Path) -> None:
    record = example("constant")
    store = place / "old.db"
    mirror(stored(place, record), store_address(store))
    client, run = runs_in(store)[record.unit.key]
    client.delete_tag(run.info.run_id, SOURCE_TAG)  # as runs were before servers were known
    assert mirror(stored(place, record), store_address(store)) == {}


def test_a_relative_sqlite_address_is_a_store_too(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = stored(place, example("constant"))
    monkeypatch.chdir(place)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///relative.db")
    assert set(mirror(results, store_address(Path("unused.db"))).values()) == {"added"}
    assert (place / "relative.db").is_file()


@pytest.mark.parametrize("password", ["secret", "sec:ret", "sec@ret"])
def test_addresses_are_shown_without_passwords(password: str) -> None:
    assert without_password(f"see http://me:{password}@host:5000/x for it") == "see http://host:5000/x for it"


def test_a_file_that_is_no_store_is_named(place: Path) -> None:
    (place / "junk.db").write_text("junk, not a database, and long enough to be read as one" * 20)
    with pytest.raises(DataError, match=r"junk\.db is not an MLflow store .*delete it") as error:
        mirror(stored(place, example("constant")), store_address(place / "junk.db"))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("count", [6, pytest.param(300, marks=pytest.mark.long)])
def test_processes_that_mirror_at_once_make_each_run_once(count: int, place: Path) -> None:
    records = [example("constant", seed) for seed in range(count)]
    stored(place, *records)
    command = [BIN / "atombench", "track", place / "run.json", "--store", place / "many.db"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with ExitStack() as stack:
        several = [stack.enter_context(subprocess.Popen(command, env=environment)) for _ in range(4)]
        assert [one.wait(timeout=600) for one in several] == [0] * 4
    assert set(runs_in(place / "many.db")) == {record.unit.key for record in records}
    assert check_store(store_address(place / "many.db")) == f"{count} runs"


def test_a_store_that_is_not_there_is_not_made_by_looking(place: Path) -> None:
    assert "not there yet" in check_store(store_address(place / "none.db"))
    assert not (place / "none.db").exists()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A tracking server on this machine."""
    folder = tmp_path_factory.mktemp("server")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        BIN / "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
        "--backend-store-uri", f"sqlite:///{folder}/server.db", "--artifacts-destination", str(folder / "artifacts"),
    ]  # fmt: skip
    log = (folder / "log").open("w")
    with subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True) as run:
        try:
            wait_for(port, run)
            yield f"http://127.0.0.1:{port}"
        finally:
            os.killpg(run.pid, signal.SIGTERM)
            run.wait(timeout=60)


def wait_for(port: int, run: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 120
    while time.monotonic() < end:
        assert run.poll() is None, "the server ended"
        try:
            if requests.get(f"http://127.0.0.1:{port}/health", timeout=5).ok:
                return
        except requests.RequestException:
            time.sleep(0.2)
    pytest.fail("the server does not answer")


def test_a_tracking_server_gets_the_same_runs_and_those_of_others_are_left_alone(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow.tracking import MlflowClient

    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    first, second = example("constant"), example("regismcan", 2, role="network")
    sources = {folder: source_of(tmp_path / folder) for folder in ("mine", "yours")}
    assert sources == {folder: source_of(tmp_path / folder) for folder in ("yours", "mine")}
    for folder, source in sources.items():
        done = mirror(stored(tmp_path / folder, first, second), store_address(Path("unused.db")), source)
        assert set(done.values()) == {"added"}
    again = mirror(stored(tmp_path / "yours", first), store_address(Path("unused.db")), sources["yours"])
    assert again == {second.unit.key: "deleted"}
    assert check_store(server) == "3 runs"
    client = MlflowClient(tracking_uri=server)
    experiment = client.get_experiment_by_name(EXPERIMENT)
    run = client.search_runs([experiment.experiment_id], f"tags.`{UNIT_TAG}` = '{second.unit.key}'")[0]
    assert run.data.metrics["test/strict/fine_recall_at_1"] == pytest.approx(second.metrics[0].value)
    assert {artifact.path for artifact in client.list_artifacts(run.info.run_id)} == {"record.json", "curve.jsonl"}


def test_a_server_that_does_not_answer_is_named_without_its_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:secret@127.0.0.1:9")
    with pytest.raises(DataError, match=r"the MLflow server at http://127\.0\.0\.1:9 gives no good answer") as error:
        mirror(stored(tmp_path, example("constant")), store_address(Path("unused.db")))
    assert "secret" not in str(error.value)
