"""Finished runs: which result records belong to which configuration. Board and MLflow read records through this list."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from atombench.errors import DataError
from atombench.evaluation.record import Record, load_record
from atombench.files import file_digest, read_json, write_json


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

    Raises:
        DataError: a record is missing or not valid.
    """
    results: dict[str, Result] = {}
    for run in sorted(runs):
        for entry in read_json(run)["records"]:
            path = Path(entry["record"])
            if not path.is_file():
                msg = f"{run} lists {path}, which is gone; run the workflow for it again, or delete {run}"
                raise DataError(msg)
            record = load_record(path)
            results[record.unit.key] = Result(record, path, file_digest(path))
    return [results[key] for key in sorted(results)]
