import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests
from sqlalchemy.exc import OperationalError

from atombench import tracking
from atombench.errors import DataError
from atombench.records.board import Board
from atombench.records.layout import Layout
from atombench.records.record import Record, save_record
from atombench.records.run import Run
from atombench.records.run_list import Result, load_results, save_run
from atombench.tasks.table import TASKS, protocol_version_of
from atombench.tracking import (
    RECORD_TAG,
    RUN_TAG,
    SOURCE_TAG,
    check_store,
    experiment_of,
    mirror,
    source_of,
    store_address,
    without_password,
)
from tests.conftest import ROOT
from tests.records.made import example
from tests.workflow.running import BIN


def stored(folder: Path, *records: Record) -> list[Result]:
    paths = []
    for record in records:
        path, trained = Layout(folder).record(record.run), Layout(folder).trained(record.run)
        save_record(path, record)
        rows = [{"step": step, "train/loss": 3.0 - step, "val/fine_recall@1": 0.1 * step} for step in (1, 2)]
        (trained / "curve.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        paths.append(path)
    save_run(folder / "run.json", "test", {}, paths)
    return load_results([folder / "run.json"], protocol_version_of)[0]


EXPERIMENT = experiment_of(example())


def runs_in(store: Path) -> dict[str, object]:
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{store}")
    experiment = client.get_experiment_by_name(EXPERIMENT)
    return {run.data.tags[RUN_TAG]: (client, run) for run in client.search_runs([experiment.experiment_id])}


@pytest.fixture(autouse=True)
def _no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mlflow")


@pytest.fixture(scope="module")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a store without experiments; creating its tables takes seconds, copying it takes none."""
    from mlflow.tracking import MlflowClient

    file = tmp_path_factory.mktemp("empty") / "mlflow.db"
    assert MlflowClient(tracking_uri=f"sqlite:///{file}").get_experiment_by_name(EXPERIMENT) is None
    return file


@pytest.fixture
def store(empty_store: Path, tmp_path: Path) -> Path:
    """Return an empty store for one test."""
    return Path(shutil.copy(empty_store, tmp_path))


def test_the_mirror_is_idempotent_and_matches_the_records(place: Path, store: Path) -> None:
    first, second = example("constant"), example("regismcan", 2, role="network")
    assert set(mirror(stored(place, first, second), store_address(store)).values()) == {"added"}
    assert mirror(stored(place, first, second), store_address(store)) == {}
    changed = example("regismcan", 2, 0.9, role="network")
    assert mirror(stored(place, first, changed), store_address(store)) == {changed.run.key: "replaced"}
    assert mirror(stored(place, first), store_address(store)) == {changed.run.key: "deleted"}
    assert set(runs_in(store)) == {first.run.key}


def test_a_deleted_store_is_recreated_with_the_same_content(place: Path, store: Path) -> None:
    results = stored(place, example("constant"), example("regismcan", 2, role="network"))
    content = []
    for file in (store, place / "again.db"):
        mirror(results, store_address(file))
        content.append({key: (run.data.params, run.data.metrics) for key, (_, run) in runs_in(file).items()})
    assert content[0] == content[1]


def test_a_run_holds_params_metrics_by_step_tags_and_artifacts(place: Path, store: Path) -> None:
    record = example("regismcan", 2, role="network")
    mirror(stored(place, record), store_address(store))
    client, run = runs_in(store)[record.run.key]
    assert run.data.params["method"] == "regismcan"
    assert run.data.params["option.steps"] == "3"
    assert run.data.tags["git.commit"] == record.training.commit
    assert run.data.tags["digest.manifest"] == record.digests.manifest
    assert run.data.metrics["test/strict/fine_recall_at_1"] == pytest.approx(record.metrics[0].value)
    history = client.get_metric_history(run.info.run_id, "train/loss")
    assert [(point.step, point.value) for point in history] == [(1, 2.0), (2, 1.0)]
    assert {artifact.path for artifact in client.list_artifacts(run.info.run_id)} == {"record.json", "curve.jsonl"}
    assert run.info.status == "FINISHED"


def test_conditions_are_separate_runs_with_the_same_curve(place: Path, store: Path) -> None:
    records = [example("regismcan", 2, role="network", condition=condition) for condition in ("clean", "histology-1")]
    assert set(mirror(stored(place / "conditions", *records), store_address(store))) == {record.run.key for record in records}
    for record in records:
        client, run = runs_in(store)[record.run.key]
        assert run.data.params["condition"] == record.run.condition
        assert len(client.get_metric_history(run.info.run_id, "train/loss")) == 2


def test_each_task_has_its_own_experiment_and_unlisted_runs_are_deleted_in_all_of_them(
    place: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow.tracking import MlflowClient

    monkeypatch.setitem(TASKS, "other", TASKS["atom"])
    atom, other = example("constant"), example(run=Run.of(Board("other", "toy", "default"), "constant", 1))
    mirror(stored(place / "tasks", atom, other), store_address(store))
    client = MlflowClient(tracking_uri=f"sqlite:///{store}")
    names = {experiment.name for experiment in client.search_experiments()} - {"Default"}
    assert names == {"atom, protocol 1.1", "other, protocol 1.1"}
    assert check_store(store_address(store)) == "2 runs"
    assert mirror(stored(place / "tasks", atom), store_address(store)) == {other.run.key: "deleted"}
    assert check_store(store_address(store)) == "1 runs"


def test_an_incomplete_run_is_replaced(place: Path, store: Path) -> None:
    from mlflow.tracking import MlflowClient

    record = example("constant")
    mirror(stored(place, record), store_address(store))
    client, run = runs_in(store)[record.run.key]
    client.delete_tag(run.info.run_id, RECORD_TAG)
    assert mirror(stored(place, record), store_address(store)) == {record.run.key: "replaced"}
    assert isinstance(client, MlflowClient)
    assert len(runs_in(store)) == 1


def test_runs_in_a_store_of_an_earlier_version_are_not_duplicated(place: Path, store: Path) -> None:
    record = example("constant")
    mirror(stored(place, record), store_address(store))
    client, run = runs_in(store)[record.run.key]
    client.delete_tag(run.info.run_id, SOURCE_TAG)  # as written before servers were supported
    assert mirror(stored(place, record), store_address(store)) == {}


def test_a_relative_sqlite_address_is_a_valid_store(place: Path, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = stored(place, example("constant"))
    monkeypatch.chdir(store.parent)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{store.name}")
    assert set(mirror(results, store_address(Path("unused.db"))).values()) == {"added"}
    assert set(runs_in(store)) == {results[0].record.run.key}


@pytest.mark.parametrize("password", ["secret", "sec:ret", "sec@ret"])
def test_addresses_are_shown_without_passwords(password: str) -> None:
    assert without_password(f"see http://me:{password}@host:5000/x for it") == "see http://host:5000/x for it"


def test_a_file_that_is_not_a_store_is_refused(place: Path) -> None:
    (place / "junk.db").write_text("junk, not a database, and long enough to be read as one" * 20)
    with pytest.raises(DataError, match=r"junk\.db is damaged .*delete it") as error:
        mirror(stored(place, example("constant")), store_address(place / "junk.db"))
    assert "\n" not in str(error.value)


def test_a_curve_with_unusual_names_is_mirrored(place: Path, store: Path) -> None:
    results = stored(place, example("constant"))
    curve = {
        "step": 1,
        "test/strict/fine_recall@1": 1.0,
        "loss (train)": 2.0,
        "../up": 1.0,
        "a//b": 0.5,
        "\u202e": 0.1,
        "x" * 400: 3.0,
    }
    results[0].curve.write_text(json.dumps(curve) + "\n" + '{"step": 1e300, "x": 1.0}\n')
    assert list(mirror(results, store_address(store)).values()) == ["added"]
    ((_, run),) = runs_in(store).values()
    logged = set(run.data.metrics)
    own = results[0].record.find("strict", "fine_recall@1")
    assert own is not None
    assert run.data.metrics["test/strict/fine_recall_at_1"] == own.value
    assert {"curve/test/strict/fine_recall_at_1", "loss _train_", "up", "a/b", "_", "x" * 200} <= logged
    assert mirror(results, store_address(store)) == {}


def test_a_run_that_mlflow_refuses_stops_no_other(
    place: Path, store: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The next call tries again; nothing advises to delete the store."""
    results = stored(place, example("constant"), example("random"))
    results[0].curve.write_text('{"step": 1, "bad name!": 1.0}\n')
    monkeypatch.setattr(tracking, "metric_name", lambda text: text.replace("@", "_at_"))
    with caplog.at_level("WARNING", "atombench"):
        assert mirror(results, store_address(store)) == {
            results[0].record.run.key: "refused",
            results[1].record.run.key: "added",
        }
    assert set(runs_in(store)) == {results[1].record.run.key}
    assert "MLflow refused the run" in caplog.text
    assert "delete" not in caplog.text
    monkeypatch.undo()
    assert mirror(results, store_address(store)) == {results[0].record.run.key: "added"}


def test_a_store_that_is_in_order_is_never_to_be_deleted(place: Path, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = stored(place, example("constant"))
    mirror(results, store_address(store))

    def broken(*arguments: object) -> None:
        raise OperationalError("x", {}, Exception("disk I/O error"))

    monkeypatch.setattr(tracking, "_mirror", broken)
    with pytest.raises(DataError, match=r"failed .*check that it can be written and is not in use") as error:
        mirror(results, store_address(store))
    assert "delete" not in str(error.value)


@pytest.mark.long
def test_concurrent_mirrors_create_each_run_once(place: Path) -> None:
    processes, count = 4, 120
    records = [example("constant", seed) for seed in range(count)]
    stored(place, *records)
    command = [BIN / "atombench", "track", place / "run.json", "--store", place / "many.db"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with ExitStack() as stack:
        mirrors = [stack.enter_context(subprocess.Popen(command, env=environment)) for _ in range(processes)]
        assert [process.wait(timeout=600) for process in mirrors] == [0] * processes
    assert set(runs_in(place / "many.db")) == {record.run.key for record in records}
    assert check_store(store_address(place / "many.db")) == f"{count} runs"


def test_checking_a_missing_store_does_not_create_it(place: Path) -> None:
    assert "does not exist yet" in check_store(store_address(place / "none.db"))
    assert not (place / "none.db").exists()


@pytest.fixture(scope="module")
def server(empty_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start a local tracking server and return its address."""
    folder = tmp_path_factory.mktemp("server")
    shutil.copy(empty_store, folder / "server.db")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        *(BIN / "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
        *("--backend-store-uri", f"sqlite:///{folder}/server.db", "--artifacts-destination", str(folder / "artifacts")),
    ]
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
        assert run.poll() is None, "the server exited"
        try:
            if requests.get(f"http://127.0.0.1:{port}/health", timeout=5).ok:
                return
        except requests.RequestException:
            time.sleep(0.2)
    pytest.fail("the server does not respond")


@pytest.mark.long
def test_a_tracking_server_gets_the_same_runs_and_runs_of_other_sources_are_not_changed(
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
    assert again == {second.run.key: "deleted"}
    assert check_store(server) == "3 runs"
    client = MlflowClient(tracking_uri=server)
    experiment = client.get_experiment_by_name(EXPERIMENT)
    run = client.search_runs([experiment.experiment_id], f"tags.`{RUN_TAG}` = '{second.run.key}'")[0]
    assert run.data.metrics["test/strict/fine_recall_at_1"] == pytest.approx(second.metrics[0].value)
    assert {artifact.path for artifact in client.list_artifacts(run.info.run_id)} == {"record.json", "curve.jsonl"}


def test_a_server_that_does_not_respond_is_reported_without_its_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:secret@127.0.0.1:9")
    with pytest.raises(DataError, match=r"the MLflow server at http://127\.0\.0\.1:9 returned an error") as error:
        mirror(stored(tmp_path, example("constant")), store_address(Path("unused.db")))
    assert "secret" not in str(error.value)
