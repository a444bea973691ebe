"""From the records of one board to its pages, tables and files. Boards are made one by one, possibly in several processes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

from atombench.audit.record import BoardFindings, Case
from atombench.board.board_page import BoardContent, board_page, make_figures
from atombench.board.breakdown import by_stratum, stratum_table
from atombench.board.downloads import board_bibtex, board_json
from atombench.board.figures import chosen
from atombench.board.method_page import method_part
from atombench.board.place import Place
from atombench.board.rows import Row, make_rows
from atombench.board.shown import show
from atombench.board.staging import Part, Staging
from atombench.board.standings import comparison_table
from atombench.board.tables import COLUMNS as TABLE
from atombench.board.tables import csv_lines, long_table
from atombench.records.record import Record
from atombench.records.run_list import LostRun, RunEntry, load_board
from atombench.tasks.atom.panels.case_page import case_page
from atombench.tasks.atom.panels.paper import trimmed
from atombench.tasks.atom.secret import is_secret
from atombench.volumes.registry import DatasetRow, is_open


@dataclass(frozen=True)
class BoardJob:
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
        staging: where its pages and files are written.
    """

    place: Place
    entries: Sequence[RunEntry]
    lost: Sequence[LostRun]
    dataset: DatasetRow | None
    audits: Sequence[BoardFindings]
    cards: Mapping[str, str]
    links: Mapping[str, str]
    places: Sequence[Place]
    staging: Staging

    @property
    def pictures(self) -> bool:
        """Whether volumes of the board may be shown."""
        return is_open(self.dataset) and not is_secret(str(self.place.named["gathering"]))


@dataclass(frozen=True)
class MadeBoard:
    """What was made of a board.

    Attributes:
        rows: with their ranked number alone.
        files: addresses of its pages and of files to download.
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
    files: Sequence[str] = field(repr=False)
    parts: Mapping[str, Part] = field(repr=False)
    kept: Sequence[Record] = field(repr=False)
    cases: Sequence[Case] = field(repr=False)
    left_out: Sequence[str] = ()

    @property
    def methods(self) -> int:
        """How many methods stand on the board."""
        return sum(row.status != "theory" for row in self.rows)


@dataclass(frozen=True)
class _Half:
    """A board of which all is made but its own page, which shows its sister boards."""

    made: MadeBoard
    content: BoardContent


def make_boards(tasks: Sequence[BoardJob]) -> list[MadeBoard]:
    """Make boards that differ in degradation and severity alone; each shows the scores of all of them."""
    halves = [_half(task) for task in tasks]
    return [_whole(half, task.staging, _severities(half, halves)) for half, task in zip(halves, tasks, strict=True)]


def _half(task: BoardJob) -> _Half:
    """Read a board's records, make all that needs no other board, and let go of them."""
    results, left_out = load_board(task.entries)
    records = [result.record for result in results]
    there = {record.unit.key for record in records}
    lost = [one for one in task.lost if one.unit.key not in there]
    if not is_open(task.dataset):
        records = [record.model_copy(update={"reason": _unnamed(record.reason)}) for record in records]
        lost = [one.model_copy(update={"reason": _unnamed(one.reason)}) for one in lost]
    rows, pairs = make_rows(records, lost)
    runs = {method: list(group) for method, group in groupby(records, key=lambda record: record.unit.method)}
    content = _content(task, rows, records, runs, left_out)
    name, slug, stage = "/".join(map(str, task.place.coordinates)), task.place.slug, task.staging
    table = csv_lines(long_table(rows, records, lost, task.place.coordinates))
    stage.keep("results.csv", slug, table)
    stage.keep("comparisons.csv", slug, csv_lines(comparison_table(name, pairs)))
    stage.keep("strata.csv", slug, csv_lines(stratum_table(name, content.strata)))
    parts = {
        row.method: method_part(
            task.place, row, content.shown[row.method], runs.get(row.method, []), content.strata, task.pictures
        )
        for row in rows
        if row.status != "theory"
    }
    made = MadeBoard(
        place=task.place,
        rows=[row.short() for row in rows],
        counts=content.counts,
        records=len(records),
        commits=frozenset(cost.commit[:12] + ("+" if cost.dirty else "") for run in records for cost in run.costs),
        files=[stage.write(name, text) for name, text in _files(content, records, table)],
        parts=stage.keep_parts(slug, parts),
        kept=[small for record in records if (small := trimmed(record))],
        cases=content.audit.cases if content.audit else [],
        left_out=left_out,
    )
    return _Half(made, content)


def _unnamed(reason: str) -> str:
    """The step that failed; messages may name files and subjects of data that are restricted."""
    if not reason:
        return ""
    step, colon, _ = reason.partition(": ")
    what = step if colon and step.isalpha() else "it failed"
    return f"{what}; the message stands in the run's log alone, since it may name files"


def _content(
    task: BoardJob, rows: Sequence[Row], records: Sequence[Record], runs: Mapping[str, list[Record]], left_out: Sequence[str]
) -> BoardContent:
    manifest = records[0].digests.manifest if records else ""
    clean = task.place.named["degradation"] == "clean"  # an audit is of the clean sections
    audit = next((found for found in task.audits if clean and found.manifest == manifest), None)
    if audit is not None and not task.pictures:
        audit = audit.redacted()
    return BoardContent(
        place=task.place,
        rows=rows,
        manifest=manifest,
        shown={row.method: show(row, runs.get(row.method, [])) for row in rows},
        strata=by_stratum([record for record in records if record.status == "complete"]),
        dataset=task.dataset,
        audit=audit,
        card=task.cards.get(audit.volumes, "") if audit else "",
        links=task.links,
        places=task.places,
        figures=make_figures(rows, records),
        left_out=left_out,
    )


def _whole(half: _Half, stage: Staging, severities: Mapping[str, Mapping[int, Sequence[Row]]]) -> MadeBoard:
    page = stage.write(f"boards/{half.made.place.slug}.html", board_page(half.content, severities))
    return replace(half.made, files=[page, *half.made.files])


def _severities(one: _Half, sisters: Sequence[_Half]) -> dict[str, dict[int, Sequence[Row]]]:
    """Rows by degradation and severity, the clean board being severity 0 of each; of this board's degradation, or of all."""
    here = one.made.place.named["degradation"]
    found: dict[str, dict[int, Sequence[Row]]] = {}
    for sister in sisters:
        named = sister.made.place.named
        if named["degradation"] != "clean" and here in ("clean", named["degradation"]):
            found.setdefault(str(named["degradation"]), {})[int(named["severity"])] = sister.made.rows
    clean = next((sister.made.rows for sister in sisters if sister.made.place.named["degradation"] == "clean"), None)
    return {name: levels if clean is None else {**levels, 0: clean} for name, levels in sorted(found.items())}


def _files(board: BoardContent, records: Sequence[Record], table: str) -> Iterator[tuple[str, str]]:
    """Files to download and the page of cases, by address."""
    name, dataset = f"boards/{board.place.slug}", str(board.place.named["dataset"])
    yield f"{name}.csv", ",".join(TABLE) + "\n" + table
    yield f"{name}.json", board_json(board.place, board.rows, {method: row.runs for method, row in board.shown.items()})
    yield f"{name}.bib", board_bibtex(dataset, board.dataset, board.rows)
    if board.audit is not None and board.audit.cases:
        drawn = [row.method for row in chosen(board.rows)]
        yield f"cases/{board.place.slug}.html", case_page(board.place, board.audit.cases, records, drawn)
