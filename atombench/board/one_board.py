"""From the records of one board to its pages, tables and files. Boards are made one by one, possibly in several processes."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import pandas as pd

from atombench.atom.secret import is_secret
from atombench.audit.record import BoardFindings, Case
from atombench.board.board_page import BoardContent, Place, board_page
from atombench.board.breakdown import by_stratum, stratum_table
from atombench.board.case_page import case_page
from atombench.board.downloads import board_bibtex, board_json
from atombench.board.figures import chosen
from atombench.board.method_page import method_part
from atombench.board.paper import trimmed
from atombench.board.rows import Row, make_rows
from atombench.board.standings import comparison_table
from atombench.board.tables import long_table
from atombench.evaluation.comparison import Comparison
from atombench.evaluation.record import Record
from atombench.runs import LostRun, RunEntry, load_board
from atombench.volumes.registry import DatasetRow


@dataclass(frozen=True)
class BoardTask:
    """What a board is to be made from.

    Attributes:
        place: the board.
        entries: its records, as run lists name them.
        lost: its units that ended without a record.
        dataset: the registry's row; none where it has none.
        audits: audits of boards with these coordinates.
        cards: addresses of the datasets' pages, by digest of their volumes.
        links: addresses of all methods' pages.
        places: all boards.
    """

    place: Place
    entries: Sequence[RunEntry]
    lost: Sequence[LostRun]
    dataset: DatasetRow | None
    audits: Sequence[BoardFindings]
    cards: Mapping[str, str]
    links: Mapping[str, str]
    places: Sequence[Place]

    @property
    def pictures(self) -> bool:
        """Whether volumes of the board may be shown."""
        return self.dataset is not None and not self.dataset.restricted and not is_secret(str(self.place.named["gathering"]))


@dataclass(frozen=True)
class MadeBoard:
    """What was made of a board.

    Attributes:
        files: pages and files to download, by address.
        tables: lines of the tables over all boards (CSV without a heading), by name.
        parts: part of each method's page.
        kept: records that pages over all boards need, without what those do not show.
        cases: of the board, where they may be shown.
        left_out: records that could not be shown, with the reason.
    """

    place: Place
    rows: Sequence[Row]
    counts: Mapping[str, int]
    records: int
    commits: frozenset[str]
    files: Mapping[str, str] = field(repr=False)
    tables: Mapping[str, str] = field(repr=False)
    parts: Mapping[str, str] = field(repr=False)
    kept: Sequence[Record] = field(repr=False)
    cases: Sequence[Case] = field(repr=False)
    left_out: Sequence[str] = ()


@dataclass(frozen=True)
class _Read:
    """A board that has been read, before it is put beside its sister boards."""

    task: BoardTask
    records: Sequence[Record]
    rows: Sequence[Row]
    pairs: Sequence[Comparison]
    lost: Sequence[LostRun]
    left_out: Sequence[str]


def make_boards(tasks: Sequence[BoardTask]) -> list[MadeBoard]:
    """Make boards that differ in degradation and severity alone; each shows the scores of all of them."""
    read = [_read(task) for task in tasks]
    return [_made(one, _severities(one, read)) for one in read]


def _read(task: BoardTask) -> _Read:
    results, left_out = load_board(task.entries)
    records = [result.record for result in results]
    there = {record.unit.key for record in records}
    lost = [one for one in task.lost if one.unit.key not in there]
    rows, pairs = make_rows(records, lost)
    return _Read(task, records, rows, pairs, lost, left_out)


def _severities(one: _Read, sisters: Sequence[_Read]) -> dict[int, Sequence[Row]]:
    """Rows by severity: of this board's degradation and of the clean board; of the only one, where this is the clean board."""
    named = [other.task.place.named for other in sisters]
    degradation = one.task.place.named["degradation"]
    others = sorted({str(place["degradation"]) for place in named} - {"clean"})
    wanted = degradation if degradation != "clean" else (others[0] if others else "clean")
    return {
        int(place["severity"]): other.rows
        for place, other in zip(named, sisters, strict=True)
        if place["degradation"] in (wanted, "clean")
    }


def _made(one: _Read, severities: Mapping[int, Sequence[Row]]) -> MadeBoard:
    task, place = one.task, one.task.place
    manifest = one.records[0].digests.manifest if one.records else ""
    audit = next((found for found in task.audits if found.manifest == manifest), None)
    if audit is not None and not task.pictures:
        audit = audit.redacted()
    strata = by_stratum([record for record in one.records if record.status == "complete"])
    content = BoardContent(
        place, one.rows, one.records, strata, task.dataset, audit, task.cards.get(audit.volumes, "") if audit else "",
        task.links, task.places, severities, one.left_out,
    )  # fmt: skip
    files = {f"boards/{place.slug}.html": board_page(content)}
    table = long_table(one.rows, one.records, one.lost, place.coordinates)
    files[f"boards/{place.slug}.csv"] = table.to_csv(index=False, lineterminator="\n")
    files[f"boards/{place.slug}.json"] = board_json(place, one.rows, one.records)
    files[f"boards/{place.slug}.bib"] = board_bibtex(str(place.named["dataset"]), task.dataset, one.rows)
    if audit is not None and audit.cases:
        shown = [row.method for row in chosen(one.rows)]
        files[f"cases/{place.slug}.html"] = case_page(place, audit.cases, one.records, shown)
    name = "/".join(map(str, place.coordinates))
    compared, by_kind = comparison_table(name, one.pairs), stratum_table(name, strata)
    runs = {method: list(group) for method, group in groupby(one.records, key=lambda record: record.unit.method)}
    return MadeBoard(
        place=place,
        rows=one.rows,
        counts=content.counts,
        records=len(one.records),
        commits=frozenset(cost.commit[:12] + ("+" if cost.dirty else "") for run in one.records for cost in run.costs[:1]),
        files=files,
        tables={"results.csv": _lines(table), "comparisons.csv": _lines(compared), "strata.csv": _lines(by_kind)},
        parts={
            row.method: method_part(place, row, runs.get(row.method, []), strata, task.pictures)
            for row in one.rows
            if row.status != "theory"
        },
        kept=[small for record in one.records if (small := trimmed(record))],
        cases=audit.cases if audit else [],
        left_out=one.left_out,
    )


def _lines(frame: pd.DataFrame) -> str:
    stream = io.StringIO()
    frame.to_csv(stream, index=False, header=False, lineterminator="\n")
    return stream.getvalue()
