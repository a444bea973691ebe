"""Build the pages, tables and downloads of one board from its records. Boards may be built in several processes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

from markupsafe import Markup

from atombench.audit.record import BoardFindings
from atombench.board.board_page import BoardContent, Conditions, board_page, chance_of, make_figures
from atombench.board.breakdown import by_stratum, stratum_table
from atombench.board.changes import Change, change_table, changes_of
from atombench.board.columns import axis_of, columns_of
from atombench.board.compared_page import UnderCondition, compared_page
from atombench.board.downloads import board_bibtex, board_json
from atombench.board.figures import chosen
from atombench.board.method_page import Failures, method_part, why_no_failures
from atombench.board.rows import make_rows
from atombench.board.shown import show
from atombench.board.staging import Passage, Staging
from atombench.board.standings import comparison_table
from atombench.board.tables import COLUMNS as TABLE
from atombench.board.tables import csv_lines, long_table
from atombench.pages.axis import Axis
from atombench.pages.panels import Panels, Picture
from atombench.pages.place import Place
from atombench.pages.row import Row
from atombench.records.confirmations import Confirmed
from atombench.records.metric import MetricSpec
from atombench.records.record import Record, first_runs
from atombench.records.run_list import LostRun, RunEntry, load_setting
from atombench.records.verdicts import complete_samples
from atombench.statistics.bootstrap import Sample
from atombench.tasks.table import find_task
from atombench.tasks.task import Task, spec_of
from atombench.volumes.registry import DatasetRow, is_open


@dataclass(frozen=True)
class BoardJob:
    """Input for the pages of a setting.

    Attributes:
        place: the setting.
        secret: whether the board is secret.
        entries: entries of its records in the run lists.
        lost: its runs that ended without a record.
        dataset: registry entry; None if there is none.
        audits: audits of the board.
        cards: addresses of dataset pages, by digest of the data.
        links: addresses of all method pages.
        places: all settings.
        staging: staging folder for pages and files.
        confirmed: answers whose scores a maintainer has confirmed.
    """

    place: Place
    secret: bool
    entries: Sequence[RunEntry]
    lost: Sequence[LostRun]
    dataset: DatasetRow | None
    audits: Sequence[BoardFindings]
    cards: Mapping[str, str]
    links: Mapping[str, str]
    places: Sequence[Place]
    staging: Staging
    confirmed: frozenset[Confirmed] = frozenset()

    @property
    def task(self) -> Task:
        """Task of the board."""
        return find_task(self.place.setting.board.task)

    @property
    def pictures(self) -> bool:
        """Whether images of the data may be shown."""
        return is_open(self.dataset) and not self.secret


@dataclass(frozen=True)
class BuiltSetting:
    """Result of building the pages of a setting.

    Attributes:
        place: the setting.
        rows: rows reduced to the primary metric.
        spec: the primary metric.
        axis: axis of the primary metric.
        references: methods shown for comparison.
        counts: number of clusters and queries.
        records: number of records.
        commits: commits of the code behind the records.
        files: addresses of pages and downloads.
        parts: part of each method page, by method.
        kept: trimmed records for pages across boards.
        picture: picture of a query, if it may be shown.
        left_out: records that cannot be shown, with the reason.
    """

    place: Place
    rows: Sequence[Row]
    spec: MetricSpec
    axis: Axis
    references: Sequence[str]
    counts: Mapping[str, int]
    records: int
    commits: frozenset[str]
    files: Sequence[str] = field(repr=False)
    parts: Mapping[str, Passage] = field(repr=False)
    kept: Sequence[Record] = field(repr=False)
    picture: Picture | None = field(repr=False)
    left_out: Sequence[str] = ()

    @property
    def methods(self) -> int:
        """Number of methods on the board."""
        return sum(row.status != "theory" for row in self.rows)


@dataclass(frozen=True)
class _Draft:
    """A setting with everything built except its own page, which also shows the other conditions of the board."""

    built: BuiltSetting
    content: BoardContent
    failures: Mapping[str, Failures]  # by method
    samples: Mapping[str, Sequence[Sample]] = field(repr=False)  # of the primary metric, by method


def build_board(jobs: Sequence[BoardJob]) -> list[BuiltSetting]:
    """Build all settings of one board; the page of each shows the scores under all conditions."""
    drafts = [_draft(job) for job in jobs]
    changes, compared = _changes(drafts), _compared(drafts, jobs[0].staging)
    built = []
    for draft, job in zip(drafts, jobs, strict=True):
        slug, setting = draft.built.place.slug, draft.built.place.setting
        table = change_table(setting.key, changes.get(slug, {}))
        job.staging.keep("conditions.csv", slug, csv_lines(table))
        shown = changes if draft.built.place.clean else {slug: changes.get(slug, {})}
        conditions = Conditions(_levels(draft, drafts), _named(shown, drafts), compared)
        built.append(_with_page(draft, job.staging, conditions))
    return [replace(built[0], files=[*built[0].files, compared]), *built[1:]] if compared else built


def _compared(drafts: Sequence[_Draft], stage: Staging) -> str:
    """Write the page that compares the methods under all conditions and return its address; empty if there is only one."""
    shown = [UnderCondition(draft.built.place, draft.content.rows, draft.failures) for draft in drafts if draft.built.records]
    if len(shown) < 2:
        return ""
    content = next((draft.content for draft in drafts if draft.built.place.clean), drafts[0].content)
    page = compared_page(shown, content.spec, content.controls, content.links)
    return stage.write(f"compared/{content.place.slug}.html", page)


def _changes(drafts: Sequence[_Draft]) -> dict[str, dict[str, Change]]:
    """Return the changes from the clean setting of one board, by address of the setting, then by method."""
    clean = next((draft.samples for draft in drafts if draft.built.place.clean), {})
    return {draft.built.place.slug: changes_of(clean, draft.samples) for draft in drafts if not draft.built.place.clean}


def _named(changes: Mapping[str, dict[str, Change]], drafts: Sequence[_Draft]) -> list[tuple[str, str, dict[str, Change]]]:
    """Return condition, address and changes of the settings that have some."""
    conditions = {draft.built.place.slug: draft.built.place.setting.condition for draft in drafts}
    return [(conditions[slug], slug, of_methods) for slug, of_methods in changes.items() if of_methods]


def _draft(job: BoardJob) -> _Draft:
    """Read the records of a setting, build everything that needs no other setting, and release the records."""
    task, panels = job.task, panels_of(job.task)
    results, left_out = load_setting(job.entries, task.protocol)
    records = [result.record for result in results]
    present = {record.run.key for record in records}
    lost = [run for run in job.lost if run.run.key not in present]
    if not is_open(job.dataset):
        records = [record.model_copy(update={"reason": _unnamed(record.reason)}) for record in records]
        lost = [run.model_copy(update={"reason": _unnamed(run.reason)}) for run in lost]
    audit = _audit(job, records)
    ceiling = audit.numbers.get("test", {}).get("ceiling") if audit and job.place.clean else None
    rows, pairs = make_rows(task, records, lost, job.confirmed, ceiling)
    runs = {method: list(group) for method, group in groupby(records, key=lambda record: record.run.method)}
    content = _content(job, rows, records, runs, audit, left_out)
    setting, slug, stage = job.place.setting, job.place.slug, job.staging
    table = csv_lines(long_table(rows, records, lost, setting, job.place.coordinates))
    stage.keep("results.csv", slug, table)
    stage.keep("comparisons.csv", slug, csv_lines(comparison_table(setting.key, pairs)))
    stage.keep("strata.csv", slug, csv_lines(stratum_table(setting.key, content.strata)))
    methods = [row for row in rows if row.status != "theory"]
    failures = {row.method: _failures(job, row.method, runs.get(row.method, [])) for row in methods}
    parts = {row.method: _part(job, content, row, failures[row.method]) for row in methods}
    built = BuiltSetting(
        place=job.place,
        rows=[row.short() for row in rows],
        spec=content.spec,
        axis=content.axis,
        references=task.references,
        counts=content.counts,
        records=len(records),
        commits=frozenset(cost.commit[:12] + ("+" if cost.dirty else "") for run in records for cost in run.costs),
        files=[stage.write(name, text) for name, text in _files(job, content, records, table)],
        parts=stage.keep_parts(slug, parts),
        kept=[small for record in records if (small := panels.trimmed(record))],
        picture=panels.picture(job.place, content.audit) if content.audit else None,
        left_out=left_out,
    )
    return _Draft(built, content, failures, complete_samples(records, content.spec.protocol, content.spec.name))


def panels_of(task: Task) -> Panels:
    """Return the panels of a task; default panels if it has none."""
    return task.panels or Panels()


def _failures(job: BoardJob, method: str, runs: Sequence[Record]) -> Failures:
    """Return pictures of queries that the first run of a method answered incorrectly."""
    first = first_runs(runs).get(method)
    pictures = panels_of(job.task).failures(first) if first and job.pictures else None
    return Failures(pictures, "") if pictures else Failures(Markup(""), why_no_failures(runs, job.pictures))


def _part(job: BoardJob, content: BoardContent, row: Row, failures: Failures) -> str:
    """Return the part of the method page about this setting."""
    shown = content.shown[row.key]
    return method_part(job.place, row, shown, content.columns, content.spec, content.clusters, content.strata, failures)


def _unnamed(reason: str) -> str:
    """Reduce a reason to the step that failed, since messages may name files and subjects of restricted data."""
    if not reason:
        return ""
    step, colon, _ = reason.partition(": ")
    shown = step if colon and step.isalpha() else "failed"
    return f"{shown}; the message is only in the log of the run, since it may name files"


def _audit(job: BoardJob, records: Sequence[Record]) -> BoardFindings | None:
    """Return the audit of the manifest that the records answer."""
    manifest = records[0].digests.manifest if records else ""
    audit = next((audit for audit in job.audits if audit.manifest == manifest), None)
    return audit if audit is None or job.pictures else audit.redacted()


def _content(
    job: BoardJob,
    rows: Sequence[Row],
    records: Sequence[Record],
    runs: Mapping[str, list[Record]],
    audit: BoardFindings | None,
    left_out: Sequence[str],
) -> BoardContent:
    task, panels = job.task, panels_of(job.task)
    spec, columns = spec_of(task, task.primary), columns_of(task.metrics, task.primary)
    axis = axis_of(spec, rows)
    drawn = chosen(rows, task.registry.controls)
    return BoardContent(
        place=job.place,
        rows=rows,
        columns=columns,
        spec=spec,
        axis=axis,
        controls=task.registry.controls,
        manifest=records[0].digests.manifest if records else "",
        shown={row.key: show(row, [] if row.status == "theory" else runs.get(row.method, []), columns, axis) for row in rows},
        strata=by_stratum([record for record in records if record.ended]),
        dataset=job.dataset,
        audit=audit,
        card=job.cards.get(audit.data, "") if audit else "",
        links=job.links,
        places=job.places,
        figures=[*panels.figures(drawn, chance_of(rows)), *make_figures(drawn, records, spec)],
        summary=panels.summary(rows, audit),
        clusters=panels.clusters,
        preview=panels.preview(audit) if audit else Markup(""),
        cases=bool(audit and audit.pictures),
        secret=job.secret,
        left_out=left_out,
    )


def _with_page(draft: _Draft, stage: Staging, conditions: Conditions) -> BuiltSetting:
    page = stage.write(f"boards/{draft.built.place.slug}.html", board_page(draft.content, conditions))
    return replace(draft.built, files=[page, *draft.built.files])


def _levels(draft: _Draft, others: Sequence[_Draft]) -> dict[str, dict[int, Sequence[Row]]]:
    """Return rows by family and level of the condition, with clean as level 0: the family of this page, or all if clean.

    Conditions without a level, such as another contrast, are omitted.
    """
    here = draft.built.place
    levels: dict[str, dict[int, Sequence[Row]]] = {}
    for other in others:
        place = other.built.place
        if place.setting.severity and (here.clean or place.setting.degradation == here.setting.degradation):
            levels.setdefault(place.setting.degradation, {})[place.setting.severity] = other.built.rows
    clean = next((other.built.rows for other in others if other.built.place.clean), None)
    return {name: rows if clean is None else {**rows, 0: clean} for name, rows in sorted(levels.items())}


def _files(job: BoardJob, board: BoardContent, records: Sequence[Record], table: str) -> Iterator[tuple[str, str]]:
    """Yield address and content of the downloads and of the page with cases."""
    name = f"boards/{job.place.slug}"
    yield f"{name}.csv", ",".join(TABLE) + "\n" + table
    yield f"{name}.json", board_json(job.place, board.rows, {method: shown.runs for method, shown in board.shown.items()})
    yield f"{name}.bib", board_bibtex(job.place.dataset, board.dataset, board.rows)
    if board.audit is not None and board.cases:
        drawn = [row.method for row in chosen(board.rows, board.controls)]
        page = panels_of(job.task).case_page(job.place, board.audit, records, drawn)
        if page is not None:
            yield f"cases/{job.place.slug}.html", page
