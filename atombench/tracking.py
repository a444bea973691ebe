"""MLflow: a serial, idempotent mirror of result records and training curves. Deleting the store loses nothing.

Every unit is one MLflow run, found again by its tag. A unit whose record has not changed is left alone; a changed one replaces
its earlier run; one that has left the records is deleted. The tag with the record's checksum is written last, so that a run
that was cut short is replaced, too.
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from atombench import PROTOCOL
from atombench.errors import DataError
from atombench.progress import logger, tracked
from atombench.runs import Result

UNIT_TAG = "atombench.unit"
RECORD_TAG = "atombench.record_sha256"
EXPERIMENT = f"atom, protocol {PROTOCOL}"


def mirror(results: list[Result], store: Path) -> dict[str, str]:
    """Bring the SQLite store up to the records; gives what was done to each unit that was not left alone.

    Args:
        results: all records that the store shall show.
        store: SQLite file, made if missing; artifacts go to `artifacts` beside it.

    Raises:
        DataError: the store cannot be written or is not one, or a curve is damaged.
    """
    client, experiment = _open(store)
    known: dict[str, list[Any]] = {}
    for run in _all_runs(client, experiment):
        known.setdefault(run.data.tags.get(UNIT_TAG, ""), []).append(run)
    done: dict[str, str] = {}
    for result in tracked(results, len(results), "mirror", "run"):
        key = result.record.unit.key
        earlier = known.pop(key, [])
        if [run.data.tags.get(RECORD_TAG) for run in earlier] == [result.sha256]:
            continue
        for run in earlier:
            client.delete_run(run.info.run_id)
        _log(client, experiment, result)
        done[key] = "replaced" if earlier else "added"
    for key, left in known.items():
        if key:
            for run in left:
                client.delete_run(run.info.run_id)
            done[key] = "deleted"
    logger.info("MLflow store %s: %d runs, %d changed", store, len(results), len(done))
    return done


def _open(store: Path) -> tuple[Any, str]:
    import logging

    from mlflow.exceptions import MlflowException
    from mlflow.tracking import MlflowClient
    from sqlalchemy.exc import SQLAlchemyError

    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    try:
        store.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        msg = f"cannot write {store}: {error.strerror or error}"
        raise DataError(msg) from error
    try:
        client = MlflowClient(tracking_uri=f"sqlite:///{store.resolve()}")
        found = client.get_experiment_by_name(EXPERIMENT)
        if found is not None:
            return client, found.experiment_id
        location = (store.parent / "artifacts").resolve().as_uri()
        return client, client.create_experiment(EXPERIMENT, artifact_location=location)
    except (SQLAlchemyError, MlflowException) as error:
        msg = f"{store} is not an MLflow store ({str(error).splitlines()[0]}); delete it, it is made anew from the records"
        raise DataError(msg) from error


def _all_runs(client: Any, experiment: str) -> list[Any]:
    runs: list[Any] = []
    token = None
    while True:
        page = client.search_runs([experiment], max_results=1000, page_token=token)
        runs.extend(page)
        token = page.token
        if not token:
            return runs


def _log(client: Any, experiment: str, result: Result) -> None:
    from mlflow.entities import Metric, Param, RunTag

    record = result.record
    start = int(1000 * datetime.fromisoformat(record.training.started).timestamp())
    end = start + int(1000 * (record.training.seconds + record.predicting.seconds))
    run = client.create_run(experiment, start, tags={UNIT_TAG: record.unit.key}, run_name=record.unit.key)
    params = {**record.unit.model_dump(), **{f"option.{name}": value for name, value in record.options.items()}}
    tags = {
        "atombench.protocol": record.protocol_version, "atombench.status": record.status, "atombench.role": record.role,
        "git.commit": record.training.commit, "git.dirty": str(record.training.dirty),
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
