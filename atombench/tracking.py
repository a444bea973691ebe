"""MLflow: a serial, idempotent mirror of result records and training curves. Deleting the store loses nothing.

Every unit is one MLflow run, found again by its tag. A unit whose record has not changed is left alone; a changed one replaces
its earlier run; one that has left the records is deleted. The tag with the record's checksum is written last, so that a run
that was cut short is replaced, too.

Steps never write to MLflow: hundreds of jobs may end at once without meeting in it. Two mirrors of one SQLite store wait for
each other; on a server the one that comes later repairs what they did twice.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from atombench import PROTOCOL
from atombench.errors import DataError
from atombench.io.files import written_whole
from atombench.progress import logger, tracked
from atombench.records.run_list import Result

UNIT_TAG = "atombench.unit"
RECORD_TAG = "atombench.record_sha256"
SOURCE_TAG = "atombench.source"
LOCAL = "local"
EXPERIMENT = f"atom, protocol {PROTOCOL}"
VARIABLE = "MLFLOW_TRACKING_URI"
SQLITE = "sqlite:///"


def store_address(file: Path) -> str:
    """Address of the store: `MLFLOW_TRACKING_URI` if that is set, else an SQLite file."""
    return os.environ.get(VARIABLE) or f"{SQLITE}{file.resolve()}"


def mirror(results: list[Result], store: str, source: str = LOCAL) -> dict[str, str]:
    """Bring a store up to the records; gives what was done to each unit that was not left alone.

    Args:
        results: all records that the store shall show.
        store: address of a tracking server, or `sqlite:///` and a file, made if missing; artifacts then go to `artifacts`
            beside it.
        source: whose runs these are; on a server nobody touches the runs of others.

    Raises:
        DataError: the store cannot be reached or written or is not one, or a curve is damaged.
    """
    with _alone(store), _worded(store):
        return _mirror(results, store, source)


def check_store(store: str) -> str:
    """Say what a store holds, without making one.

    Raises:
        DataError: it cannot be reached, or is no MLflow store.
    """
    if store.startswith(SQLITE) and not Path(store.removeprefix(SQLITE)).exists():
        return "not there yet; the first run makes it"
    with _worded(store):
        client = _client(store)
        found = client.get_experiment_by_name(EXPERIMENT)
        return "no runs of this protocol yet" if found is None else f"{len(_all_runs(client, found.experiment_id))} runs"


def _mirror(results: list[Result], store: str, source: str) -> dict[str, str]:
    client, experiment = _open(store)
    known: dict[str, list[Any]] = {}
    for run in _all_runs(client, experiment, "" if store.startswith(SQLITE) else source):
        known.setdefault(run.data.tags.get(UNIT_TAG, ""), []).append(run)
    done: dict[str, str] = {}
    for result in tracked(results, len(results), "mirror", "run"):
        key = result.record.unit.key
        earlier = known.pop(key, [])
        if [run.data.tags.get(RECORD_TAG) for run in earlier] == [result.sha256]:
            continue
        for run in earlier:
            client.delete_run(run.info.run_id)
        _log(client, experiment, result, source)
        done[key] = "replaced" if earlier else "added"
    for key, left in known.items():
        if key:
            for run in left:
                client.delete_run(run.info.run_id)
            done[key] = "deleted"
    logger.info("MLflow store %s: %d runs, %d changed", without_password(store), len(results), len(done))
    return done


def _client(store: str) -> Any:
    import logging

    from mlflow.tracking import MlflowClient

    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    return MlflowClient(tracking_uri=store)


def _open(store: str) -> tuple[Any, str]:
    client = _client(store)
    found = client.get_experiment_by_name(EXPERIMENT)
    if found is not None:
        return client, found.experiment_id
    location = None
    if store.startswith(SQLITE):
        location = (Path(store.removeprefix(SQLITE)).resolve().parent / "artifacts").as_uri()
    return client, client.create_experiment(EXPERIMENT, artifact_location=location)


@contextmanager
def _worded(store: str) -> Iterator[None]:
    """Say in one line what is wrong with a store."""
    from mlflow.exceptions import MlflowException
    from requests import RequestException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (SQLAlchemyError, MlflowException, RequestException) as error:
        reason = without_password((str(error).splitlines() or [type(error).__name__])[0])
        if store.startswith(SQLITE):
            file = store.removeprefix(SQLITE)
            msg = f"{file} is not an MLflow store ({reason:.300}); delete it, it is made anew from the records"
        else:
            msg = f"the MLflow server at {without_password(store)} gives no good answer ({reason:.300}); is {VARIABLE} right?"
        raise DataError(msg) from error


@contextmanager
def _alone(store: str) -> Iterator[None]:
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
        with suppress(OSError):  # some file systems know no locks
            fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def without_password(address: str) -> str:
    """The address, or a text with addresses in it, without user names and passwords."""
    return re.sub(r"//[^/\s]*@", "//", address)


def source_of(folder: Path) -> str:
    """Name under which a folder's runs stand on a server: random, and kept in the folder."""
    file = folder / "source-id"
    if not file.is_file():
        with written_whole(file) as temporary:
            temporary.write_text(uuid.uuid4().hex, encoding="utf-8")
    return file.read_text(encoding="utf-8").strip()


def _all_runs(client: Any, experiment: str, source: str = "") -> list[Any]:
    runs: list[Any] = []
    token = None
    chosen = f"tags.`{SOURCE_TAG}` = '{source}'" if source else ""
    while True:
        page = client.search_runs([experiment], chosen, max_results=1000, page_token=token)
        runs.extend(page)
        token = page.token
        if not token:
            return runs


def _log(client: Any, experiment: str, result: Result, source: str) -> None:
    from mlflow.entities import Metric, Param, RunTag

    record = result.record
    cost = record.costs[0] if record.costs else None
    start = int(1000 * datetime.fromisoformat(cost.started).timestamp()) if cost else 0  # predictions of others have no time
    end = start + int(1000 * sum(one.seconds for one in record.costs))
    run = client.create_run(experiment, start, tags={UNIT_TAG: record.unit.key, SOURCE_TAG: source}, run_name=record.unit.key)
    params = {**record.unit.model_dump(), **{f"option.{name}": value for name, value in record.options.items()}}
    tags = {
        "atombench.protocol": record.protocol_version, "atombench.status": record.status, "atombench.role": record.role,
        "atombench.origin": record.origin,
        **({"git.commit": cost.commit, "git.dirty": str(cost.dirty)} if cost else {}),
        **{f"digest.{name}": value for name, value in record.digests.model_dump().items()},
    }  # fmt: skip
    metrics = [
        Metric(name.replace("@", "_at_"), value, end, int(row["step"]))
        for row in _curve(result.curve)
        for name, value in row.items()
        if name != "step"
    ]
    for found in record.metrics:
        name = f"test/{found.protocol}/{found.metric.replace('@', '_at_')}"
        bounds = (("", found.value), ("_ci_low", found.ci_low), ("_ci_high", found.ci_high))
        metrics += [Metric(name + suffix, value, end, 0) for suffix, value in bounds]
    run_id = run.info.run_id
    for first in range(0, len(metrics), 1000):
        client.log_batch(run_id, metrics=metrics[first : first + 1000])
    client.log_batch(
        run_id,
        params=[Param(name, str(value)) for name, value in params.items()],
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
