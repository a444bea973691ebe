"""MLflow: a serial, idempotent mirror of result records and training curves. Nothing is lost if the store is deleted.

Each run under each condition is one MLflow run, identified by a tag, in the experiment of its task and protocol version.
Unchanged records are skipped, changed records replace their MLflow run, and MLflow runs without a listed record are deleted.
The tag with the checksum of the record is written last, so that incomplete MLflow runs are replaced as well.

Steps never write to MLflow, so hundreds of jobs may finish at the same time. Two mirrors of one SQLite store wait for each
other; on a server, the later one removes duplicates.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from atombench.errors import DataError
from atombench.io.files import written_whole
from atombench.io.text import one_line
from atombench.progress import logger, tracked
from atombench.records.record import Record
from atombench.records.run_list import Result

RUN_TAG = "atombench.run"
RECORD_TAG = "atombench.record_sha256"
SOURCE_TAG = "atombench.source"
LOCAL = "local"
NAME = re.compile(r"[a-z0-9-]+, protocol [0-9.]+")  # of experiments of this package
VARIABLE = "MLFLOW_TRACKING_URI"
SQLITE = "sqlite:///"
MOST_STEPS = 2**53
LONGEST_NAME, LONGEST_VALUE = 200, 6000  # characters that MLflow accepts


def store_address(file: Path) -> str:
    """Return the address of the store: `MLFLOW_TRACKING_URI` if it is set, else that of an SQLite file."""
    return os.environ.get(VARIABLE) or f"{SQLITE}{file.resolve()}"


def mirror(results: list[Result], store: str, source: str = LOCAL) -> dict[str, str]:
    """Update a store to match the records; return the change (added, replaced, refused, deleted) of each run that changed.

    A run that MLflow refuses is left out with a warning, and tried again by the next call; all others are mirrored.

    Args:
        results: all records that the store should contain.
        store: address of a tracking server, or `sqlite:///` and a file, created if missing; artifacts are then stored in
            `artifacts` in the same folder.
        source: origin of these runs; runs of another origin on a server are never changed.

    Raises:
        DataError: the store cannot be reached or written, is not an MLflow store, or a curve is damaged.
    """
    with _exclusive(store), _store_errors(store):
        return _mirror(results, store, source)


def check_store(store: str) -> str:
    """Return a summary of the content of a store, without creating it.

    Raises:
        DataError: the store cannot be reached, or is not an MLflow store.
    """
    if store.startswith(SQLITE) and not Path(store.removeprefix(SQLITE)).exists():
        return "does not exist yet; the first run creates it"
    with _store_errors(store):
        client = _client(store)
        return f"{sum(len(_all_runs(client, experiment)) for experiment in _experiments(client).values())} runs"


def experiment_of(record: Record) -> str:
    """Return the name of the experiment that a record belongs to."""
    return f"{record.run.task}, protocol {record.protocol_version}"


def _mirror(results: list[Result], store: str, source: str) -> dict[str, str]:
    client = _client(store)
    experiments = _experiments(client)
    for name in sorted({experiment_of(result.record) for result in results} - set(experiments)):
        experiments[name] = _create(client, store, name)
    known: dict[str, list[Any]] = {}
    for experiment in experiments.values():
        for run in _all_runs(client, experiment, "" if store.startswith(SQLITE) else source):
            known.setdefault(run.data.tags.get(RUN_TAG, ""), []).append(run)
    changes: dict[str, str] = {}
    for result in tracked(results, len(results), "mirror", "run"):
        key = result.record.run.key
        earlier = known.pop(key, [])
        if [run.data.tags.get(RECORD_TAG) for run in earlier] == [result.sha256]:
            continue
        for run in earlier:
            client.delete_run(run.info.run_id)
        if problem := _logged(client, experiments[experiment_of(result.record)], result, source):
            logger.warning("MLflow refused the run %s, which is missing in the store: %s", key, problem)
            changes[key] = "refused"
            continue
        changes[key] = "replaced" if earlier else "added"
    for key, unlisted in known.items():
        if key:
            for run in unlisted:
                client.delete_run(run.info.run_id)
            changes[key] = "deleted"
    logger.info("MLflow store %s: %d runs, %d changed", without_password(store), len(results), len(changes))
    return changes


def _client(store: str) -> Any:
    import logging

    from mlflow.tracking import MlflowClient

    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    return MlflowClient(tracking_uri=store)


def _experiments(client: Any) -> dict[str, str]:
    """Return the ids of all experiments of this package, by name."""
    experiments = client.search_experiments(max_results=1000)
    return {experiment.name: experiment.experiment_id for experiment in experiments if NAME.fullmatch(experiment.name)}


def _create(client: Any, store: str, name: str) -> str:
    location = None
    if store.startswith(SQLITE):
        location = (Path(store.removeprefix(SQLITE)).resolve().parent / "artifacts").as_uri()
    return str(client.create_experiment(name, artifact_location=location))


@contextmanager
def _store_errors(store: str) -> Iterator[None]:
    """Turn errors of MLflow and its store into a DataError with one line."""
    from mlflow.exceptions import MlflowException
    from requests import RequestException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (SQLAlchemyError, MlflowException, RequestException) as error:
        reason = without_password((str(error).splitlines() or [type(error).__name__])[0])
        if store.startswith(SQLITE):
            file = store.removeprefix(SQLITE)
            is_store = _is_database(Path(file))
            check, delete = "check that it can be written and is not in use", "delete it; it is rebuilt from the records"
            advice = check if is_store else delete
            msg = f"the MLflow store {file} {'failed' if is_store else 'is damaged'} ({reason:.300}); {advice}"
        else:
            msg = f"the MLflow server at {without_password(store)} returned an error ({reason:.300}); check {VARIABLE}"
        raise DataError(msg) from error


def _is_database(file: Path) -> bool:
    """Return whether SQLite can read a file and finds the tables of MLflow in it."""
    try:
        with closing(sqlite3.connect(f"file:{quote(str(file))}?mode=ro", uri=True)) as connection:
            return bool(connection.execute("SELECT name FROM sqlite_master WHERE name = 'experiments'").fetchall())
    except sqlite3.Error:
        return False


@contextmanager
def _exclusive(store: str) -> Iterator[None]:
    """Wait until no other process mirrors into the same SQLite file."""
    if not store.startswith(SQLITE):
        yield
        return
    file = Path(store.removeprefix(SQLITE))
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        stream = file.with_suffix(".lock").open("a")
    except OSError as error:
        msg = f"cannot write {file}: {error.strerror or error}"
        raise DataError(msg) from error
    with stream:
        with suppress(OSError):  # some file systems do not support locks
            fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def without_password(text: str) -> str:
    """Return a text without the user names and passwords in its addresses."""
    return re.sub(r"//[^/\s]*@", "//", text)


def source_of(folder: Path) -> str:
    """Return the random name that identifies the runs of a folder on a server; it is stored in the folder."""
    file = folder / "source-id"
    if not file.is_file():
        with written_whole(file) as temporary:
            temporary.write_text(uuid.uuid4().hex, encoding="utf-8")
    return file.read_text(encoding="utf-8").strip()


def _all_runs(client: Any, experiment: str, source: str = "") -> list[Any]:
    runs: list[Any] = []
    token = None
    condition = f"tags.`{SOURCE_TAG}` = '{source}'" if source else ""
    while True:
        page = client.search_runs([experiment], condition, max_results=1000, page_token=token)
        runs.extend(page)
        token = page.token
        if not token:
            return runs


def _logged(client: Any, experiment: str, result: Result, source: str) -> str:
    """Log a run; return why MLflow refused its content, or an empty text.

    Raises:
        MlflowException: MLflow failed for another reason.
    """
    from mlflow.exceptions import MlflowException
    from mlflow.protos.databricks_pb2 import BAD_REQUEST, INVALID_PARAMETER_VALUE, ErrorCode

    refusals = {ErrorCode.Name(code) for code in (BAD_REQUEST, INVALID_PARAMETER_VALUE)}
    begun: list[str] = []
    try:
        _log(client, experiment, result, source, begun)
    except MlflowException as error:
        if error.error_code not in refusals:
            raise
        for run_id in begun:
            client.delete_run(run_id)
        return one_line(without_password(str(error)))
    return ""


def metric_name(text: str) -> str:
    """Return a name that MLflow accepts for a metric: letters, digits and `_-. /`, without empty or relative parts.

    >>> metric_name("loss (train)"), metric_name("../fine_recall@1")
    ('loss _train_', 'fine_recall_at_1')
    """
    clean = re.sub(r"[^A-Za-z0-9_\-. /]", "_", text.replace("@", "_at_"))
    parts = [part for part in (part.strip() for part in clean.split("/")) if part.strip(".")]
    return "/".join(parts)[:LONGEST_NAME] or "unnamed"


def _curve_name(text: str) -> str:
    """Return the name of a column of a training curve, which never is that of a test metric."""
    name = metric_name(text)
    return metric_name(f"curve/{name}") if name.partition("/")[0] == "test" else name


def _log(client: Any, experiment: str, result: Result, source: str, begun: list[str]) -> None:
    from mlflow.entities import Metric, Param, RunTag

    record = result.record
    cost = record.costs[0] if record.costs else None
    start = (
        int(1000 * datetime.fromisoformat(cost.started).timestamp()) if cost else 0
    )  # submitted predictions have no start time
    end = start + int(1000 * sum(step.seconds for step in record.costs))
    run = client.create_run(experiment, start, tags={RUN_TAG: record.run.key, SOURCE_TAG: source}, run_name=record.run.key)
    begun.append(run.info.run_id)
    params = {**record.run.model_dump(), **{f"option.{name}": value for name, value in record.options.items()}}
    tags = {
        "atombench.protocol": record.protocol_version,
        "atombench.status": record.status,
        "atombench.role": record.role,
        "atombench.origin": record.origin,
        **({"git.commit": cost.commit, "git.dirty": str(cost.dirty)} if cost else {}),
        **{f"digest.{name}": value for name, value in record.digests.model_dump().items()},
    }
    metrics = [
        Metric(_curve_name(name), value, end, int(row["step"]))
        for row in _curve(result.curve)
        if 0 <= row["step"] < MOST_STEPS
        for name, value in row.items()
        if name != "step"
    ]
    for metric in record.metrics:
        name = metric_name(f"test/{metric.protocol}/{metric.metric}")
        values = (("", metric.value), ("_ci_low", metric.ci_low), ("_ci_high", metric.ci_high))
        metrics += [Metric(name + suffix, value, end, 0) for suffix, value in values]
    run_id = run.info.run_id
    for first in range(0, len(metrics), 1000):
        client.log_batch(run_id, metrics=metrics[first : first + 1000])
    client.log_batch(
        run_id,
        params=[Param(metric_name(name), str(value)[:LONGEST_VALUE]) for name, value in params.items()],
        tags=[RunTag(name, value) for name, value in tags.items()],
    )
    client.log_artifact(run_id, str(result.path))
    if result.curve.is_file() and result.curve.stat().st_size:
        client.log_artifact(run_id, str(result.curve))
    client.set_terminated(run_id, "FINISHED" if record.status == "complete" else "FAILED", end)
    client.set_tag(run_id, RECORD_TAG, result.sha256)


def _curve(path: Path) -> list[dict[str, float]]:
    if not path.is_file():
        return []
    try:
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    except ValueError as error:
        msg = f"{path} is not a training curve of JSON lines ({error}); delete it and train again"
        raise DataError(msg) from error
