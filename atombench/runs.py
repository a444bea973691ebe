"""Finished runs: which result records belong to which configuration. Board and MLflow read records through this list."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, TypeAdapter

from atombench.errors import DataError
from atombench.evaluation.record import Record, load_record
from atombench.files import file_digest, write_json
from atombench.schema import read_model


@dataclass(frozen=True)
class Result:
    """A record with where it lies; its training curve lies beside it."""

    record: Record
    path: Path
    sha256: str

    @property
    def curve(self) -> Path:
        """Training curve (JSON lines), empty where nothing was trained."""
        return self.path.with_name("curve.jsonl")


class RunEntry(BaseModel):
    """One record of a run."""

    unit: str
    record: Path
    sha256: str


class RunList(BaseModel):
    """The records of one run, with its configuration."""

    run: str
    config: dict[str, Any]
    records: list[RunEntry]


_RUN_LIST = TypeAdapter(RunList)


def save_run(path: Path, name: str, config: dict[str, Any], records: list[Path]) -> None:
    """List the records of one run with their checksums.

    Raises:
        DataError: a record is missing or not valid, or two are of the same unit.
    """
    units: dict[str, Path] = {}
    entries = []
    for record in sorted(records):
        key = load_record(record).unit.key
        if key in units:
            msg = f"{record} and {units[key]} both record {key}"
            raise DataError(msg)
        units[key] = record
        entries.append({"unit": key, "record": str(record), "sha256": file_digest(record)})
    write_json(path, {"run": name, "config": config, "records": entries})


def load_results(runs: list[Path]) -> list[Result]:
    """Read all records of the given runs, each unit once, sorted by unit.

    A run whose record was since replaced by another run (with other options, say) no longer counts for that unit.

    Raises:
        DataError: a list or a record is missing or not valid, or a record is not as any run has listed it.
    """
    results: dict[str, Result] = {}
    changed: dict[str, str] = {}
    for run in sorted(runs):
        for entry in read_model(_RUN_LIST, run).records:
            if not entry.record.is_file():
                msg = f"{run} lists {entry.record}, which is gone; run the workflow for it again, or delete {run}"
                raise DataError(msg)
            if file_digest(entry.record) == entry.sha256:
                results[entry.unit] = Result(load_record(entry.record), entry.record, entry.sha256)
            else:
                changed[entry.unit] = f"{run} lists {entry.record}, which has changed since"
    if unlisted := [text for unit, text in sorted(changed.items()) if unit not in results]:
        msg = f"{unlisted[0]} ({len(unlisted)} such records); run the workflow for it again, or delete the list"
        raise DataError(msg)
    return [results[key] for key in sorted(results)]
