"""Finished runs: which result records belong to which configuration. Board and MLflow read records through this list."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from atombench.audit.record import BoardFindings, VolumeFindings, load_findings
from atombench.errors import DataError
from atombench.io.files import file_digest, write_json
from atombench.io.schema import read_model
from atombench.progress import logger
from atombench.records.record import Record, Unit, in_order, load_record


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
    """One record of a run; `run` is filled in when lists are read."""

    unit: str
    record: Path
    sha256: str
    run: str = Field(default="", exclude=True)


class AuditEntry(BaseModel):
    """One audit of a run."""

    audit: Path
    sha256: str


class LostRun(BaseModel):
    """A unit that ended without a record, and why."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    unit: Unit
    role: str
    reason: str


class RunList(BaseModel):
    """The records and audits of one run, with its configuration, and the units that it lost."""

    run: str
    config: dict[str, Any]
    records: list[RunEntry]
    audits: list[AuditEntry] = []
    lost: list[LostRun] = []


_RUN_LIST = TypeAdapter(RunList)


def unit_folder(unit: Unit) -> Path:
    """Folder of a unit's results, from that of the workflow."""
    board = f"{unit.gathering}-{unit.split}-x{unit.scale}"
    return Path("results", unit.task, unit.dataset, board, unit.method, f"seed{unit.seed}")


def log_of(step: str, unit: Unit) -> Path:
    """Log of a step on a unit's way, from the folder of the workflow."""
    board = f"{unit.dataset}-{unit.gathering}-{unit.split}-x{unit.scale}"
    names = {"fetch": unit.dataset, "curate": f"{unit.dataset}-x{unit.scale}", "split": board}
    return Path("logs", step, names.get(step, f"{board}-{unit.method}-{unit.seed}") + ".log")


def save_run(
    path: Path,
    name: str,
    config: dict[str, Any],
    records: list[Path],
    audits: Sequence[Path] = (),
    lost: Sequence[LostRun] = (),
) -> None:
    """List the records and audits of one run with their checksums, and what it lost.

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
    found = [{"audit": str(audit), "sha256": file_digest(audit)} for audit in sorted(audits)]
    missing = [one.model_dump() for one in lost]
    write_json(path, {"run": name, "config": config, "records": entries, "audits": found, "lost": missing})


def load_results(runs: list[Path]) -> tuple[list[Result], list[str]]:
    """Read the records of the given runs, each unit once, sorted by unit; and say which were left out, and why.

    Left out are records that have gone, are damaged or changed since they were listed (unless another run has listed them as
    they are now), and those whose board has a newer manifest: boards never mix two.

    Raises:
        DataError: a list is missing or not valid, or there is nothing to show.
    """
    kept: list[Result] = []
    left_out: list[str] = []
    for entries in boards_listed(runs).values():
        results, notes = load_board(entries)
        kept, left_out = kept + results, left_out + notes
    for note in left_out:
        logger.warning("left out: %s", note)
    if not kept:
        raise DataError(nothing_to_show(left_out))
    return sorted(kept, key=lambda result: in_order(result.record)), left_out


def nothing_to_show(left_out: Sequence[str]) -> str:
    """What to say where no record is left."""
    return "no records to show" + "".join(f"; {note}" for note in left_out)


def boards_listed(runs: list[Path]) -> dict[str, list[RunEntry]]:
    """What the given runs list, by board, without reading a record; a unit stands there once for each run that lists it.

    Raises:
        DataError: a list is missing or not valid.
    """
    boards: dict[str, list[RunEntry]] = {}
    for run in sorted(runs):
        for entry in read_model(_RUN_LIST, run).records:
            boards.setdefault(entry.unit.rsplit("/", 2)[0], []).append(entry.model_copy(update={"run": run.stem}))
    return dict(sorted(boards.items()))


def load_board(entries: Sequence[RunEntry]) -> tuple[list[Result], list[str]]:
    """Read the records of one board, each unit once, sorted by unit; and say which were left out, as `load_results` does."""
    results: dict[str, Result] = {}
    notes: dict[str, str] = {}
    for entry in entries:
        try:
            results[entry.unit] = _listed(entry)
        except DataError as error:
            notes[entry.unit] = f"{entry.unit} of {entry.run}: {error}"
    current = _of_newest_manifest(list(results.values()))
    kept = _of_same_volumes(current)
    names = [{result.record.unit.key for result in some} for some in (current, kept)]
    left_out = [note for unit, note in sorted(notes.items()) if unit not in results]
    left_out += [f"{unit}: its board has a newer manifest" for unit in sorted(set(results) - names[0])]
    left_out += [f"{unit}: its volumes are not those of its board" for unit in sorted(names[0] - names[1])]
    return sorted(kept, key=lambda result: in_order(result.record)), left_out


def load_audits(runs: list[Path]) -> tuple[list[VolumeFindings | BoardFindings], list[str]]:
    """Read the audits of the given runs, each once; and say which were left out, and why.

    Left out are audits that have gone, are damaged, or changed since every run that lists them.
    """
    listed: dict[Path, set[str]] = {}
    for run in sorted(runs):
        for entry in read_model(_RUN_LIST, run).audits:
            listed.setdefault(entry.audit, set()).add(entry.sha256)
    findings, left_out = [], []
    for path, sums in sorted(listed.items()):
        try:
            if file_digest(path) not in sums:
                msg = f"{path} has changed since it was listed; run the workflow for it again"
                raise DataError(msg)
            findings.append(load_findings(path))
        except DataError as error:
            left_out.append(str(error))
            logger.warning("left out: %s", error)
    return findings, left_out


def load_lost(runs: list[Path]) -> list[LostRun]:
    """Read the units that the given runs lost; another run may have a record of one."""
    found = {one.unit.key: one for run in sorted(runs) for one in read_model(_RUN_LIST, run).lost}
    return [one for _, one in sorted(found.items())]


def _listed(entry: RunEntry) -> Result:
    if file_digest(entry.record) != entry.sha256:
        msg = f"{entry.record} has changed since it was listed; run the workflow for it again"
        raise DataError(msg)
    result = Result(load_record(entry.record), entry.record, entry.sha256)
    if result.record.unit.key != entry.unit:
        msg = f"{entry.record} records {result.record.unit.key}, it is listed as {entry.unit}"
        raise DataError(msg)
    return result


def _of_newest_manifest(results: list[Result]) -> list[Result]:
    newest: dict[tuple[str | int, ...], Record] = {}
    for result in results:
        record = result.record
        known = newest.setdefault(record.unit.board, record)
        if _begun(record) > _begun(known):
            newest[record.unit.board] = record
    return [one for one in results if one.record.digests.manifest == newest[one.record.unit.board].digests.manifest]


def _of_same_volumes(results: list[Result]) -> list[Result]:
    """Those whose volumes most records of the board have; one manifest has the same volumes for all."""
    found = Counter(tuple(one.record.volumes) for one in results)
    most = max(sorted(found), key=lambda volumes: found[volumes], default=())
    return [one for one in results if tuple(one.record.volumes) == most]


def _begun(record: Record) -> str:
    """When the platform's first step began; predictions of others do not say how new a board is."""
    return min((cost.started for cost in record.costs), default="")
