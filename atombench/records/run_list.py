"""Run lists: the result records of each finished configuration. Board and MLflow read records through them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter

from atombench.errors import DataError
from atombench.io.files import file_digest, read_json, write_json
from atombench.io.schema import read_model
from atombench.progress import logger
from atombench.records.board import Setting
from atombench.records.layout import VERSION
from atombench.records.record import Record, load_record
from atombench.records.run import Run


@dataclass(frozen=True)
class Result:
    """A record and its path."""

    record: Record
    path: Path
    sha256: str

    @property
    def curve(self) -> Path:
        """Training curve (JSON lines); empty if nothing was trained."""
        return self.path.parent.with_name("curve.jsonl")


def _check_key(key: str) -> str:
    try:
        return Run.of_key(key).key
    except DataError as error:
        raise ValueError(str(error)) from error


class RunEntry(BaseModel):
    """A listed record; `listed_in` is set when a list is read."""

    run: Annotated[str, AfterValidator(_check_key)]
    record: Path
    sha256: str
    listed_in: str = Field(default="", exclude=True)


class AuditEntry(BaseModel):
    """A listed audit."""

    audit: Path
    sha256: str


class LostRun(BaseModel):
    """A run that ended without a record, and the reason."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    run: Run
    role: str
    reason: str


class RunList(BaseModel):
    """The records and audits of one configuration, and the runs that ended without a record."""

    layout: Literal[2]
    run: str
    config: dict[str, Any]
    records: list[RunEntry]
    audits: list[AuditEntry] = []
    lost: list[LostRun] = []


Protocols = Callable[[str], str]
_RUN_LIST = TypeAdapter(RunList)


def save_run(
    path: Path,
    name: str,
    config: dict[str, Any],
    records: list[Path],
    audits: Sequence[Path] = (),
    lost: Sequence[LostRun] = (),
) -> None:
    """Write the list of records and audits of one configuration with their checksums, and of runs without a record.

    Raises:
        DataError: a record is missing or not valid, or two records belong to the same run.
    """
    known: dict[str, Path] = {}
    entries = []
    for record in sorted(records):
        key = load_record(record).run.key
        if key in known:
            msg = f"{record} and {known[key]} both record {key}"
            raise DataError(msg)
        known[key] = record
        entries.append({"run": key, "record": str(record), "sha256": file_digest(record)})
    listed_audits = [{"audit": str(audit), "sha256": file_digest(audit)} for audit in sorted(audits)]
    missing = [run.model_dump() for run in lost]
    write_json(
        path, {"layout": VERSION, "run": name, "config": config, "records": entries, "audits": listed_audits, "lost": missing}
    )


def read_list(path: Path) -> RunList:
    """Read a list written by `save_run`.

    Raises:
        DataError: the list is missing or not valid, or refers to another folder structure.
    """
    try:
        return read_model(_RUN_LIST, path)
    except DataError:
        if (layout := _layout_of(path)) in (None, VERSION):
            raise
        msg = f"{path} lists results of folder structure {layout}, expected {VERSION}; run the workflow for it again"
        raise DataError(msg) from None


def load_results(lists: list[Path], protocols: Protocols) -> tuple[list[Result], list[str]]:
    """Read the listed records, one per run, sorted; also return notes on the records left out.

    Records are left out if they are missing, damaged or changed since they were listed (unless another list has their current
    checksum), have another protocol version, or belong to an older manifest of their board.

    Args:
        lists: files written by `save_run`.
        protocols: returns the protocol version of a task.

    Raises:
        DataError: a list is missing or not valid, or no record is left.
    """
    kept: list[Result] = []
    left_out: list[str] = []
    for key, entries in settings_listed(lists).items():
        results, notes = load_setting(entries, protocols(Setting.of_key(key).board.task))
        kept, left_out = kept + results, left_out + notes
    for note in left_out:
        logger.warning("left out: %s", note)
    if not kept:
        raise DataError(nothing_to_show(left_out))
    return sorted(kept, key=lambda result: result.record.run.order), left_out


def nothing_to_show(left_out: Sequence[str]) -> str:
    """Return the error message for the case that no record is left."""
    return "no records to show" + "".join(f"; {note}" for note in left_out)


def settings_listed(lists: list[Path]) -> dict[str, list[RunEntry]]:
    """Return the entries of the lists by setting (board and condition), without reading records.

    A run has one entry for each list that contains it.

    Raises:
        DataError: a list is missing or not valid.
    """
    settings: dict[str, list[RunEntry]] = {}
    for path in sorted(lists):
        for entry in read_list(path).records:
            settings.setdefault(entry.run.rsplit("/", 2)[0], []).append(entry.model_copy(update={"listed_in": path.stem}))
    return dict(sorted(settings.items()))


def load_setting(entries: Sequence[RunEntry], protocol: str) -> tuple[list[Result], list[str]]:
    """Read the records of one setting, one per run, sorted; also return notes on those left out, as in `load_results`."""
    results: dict[str, Result] = {}
    notes: dict[str, str] = {}
    for entry in entries:
        try:
            results[entry.run] = _read(entry, protocol)
        except DataError as error:
            notes[entry.run] = f"{entry.run} of {entry.listed_in}: {error}"
    current = _of_newest_manifest(list(results.values()))
    kept = _of_same_clusters(current)
    names = [{result.record.run.key for result in group} for group in (current, kept)]
    left_out = [note for run, note in sorted(notes.items()) if run not in results]
    left_out += [f"{run}: its board has a newer manifest" for run in sorted(set(results) - names[0])]
    left_out += [f"{run}: its clusters differ from those of its board" for run in sorted(names[0] - names[1])]
    return sorted(kept, key=lambda result: result.record.run.order), left_out


def load_lost(runs: list[Path]) -> list[LostRun]:
    """Read the runs without a record; another list may contain a record of such a run."""
    lost = {run.run.key: run for path in sorted(runs) for run in read_list(path).lost}
    return [run for _, run in sorted(lost.items())]


def _layout_of(path: Path) -> int | None:
    """Return the version of the folder structure in a list; 1 if it is not stated, as in the oldest lists."""
    content = read_json(path)
    if not (isinstance(content, dict) and "records" in content):
        return None
    layout = content.get("layout", 1)
    return layout if isinstance(layout, int) else None


def _read(entry: RunEntry, protocol: str) -> Result:
    if file_digest(entry.record) != entry.sha256:
        msg = f"{entry.record} has changed since it was listed; run the workflow for it again"
        raise DataError(msg)
    result = Result(load_record(entry.record, protocol), entry.record, entry.sha256)
    if result.record.run.key != entry.run:
        msg = f"{entry.record} records {result.record.run.key}, but is listed as {entry.run}"
        raise DataError(msg)
    return result


def _of_newest_manifest(results: list[Result]) -> list[Result]:
    """Return the results with the manifest of the latest measured run."""
    latest = max(results, key=lambda result: _started(result.record), default=None)
    return [result for result in results if latest and result.record.digests.manifest == latest.record.digests.manifest]


def _of_same_clusters(results: list[Result]) -> list[Result]:
    """Return the results with the most common clusters; all records of one manifest should have the same clusters."""
    counts = Counter(tuple(result.record.clusters) for result in results)
    common = max(sorted(counts), key=lambda clusters: counts[clusters], default=())
    return [result for result in results if tuple(result.record.clusters) == common]


def _started(record: Record) -> str:
    """Return the start of the first step; empty for submitted predictions, which do not date a board."""
    return min((cost.started for cost in record.costs), default="")
