"""Build the site: one folder that opens without a web server or network; its tables need no script."""

from __future__ import annotations

import gc
import importlib.metadata
import importlib.resources
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Protocol, TypeVar

from atombench.audit.record import BoardFindings
from atombench.board import breakdown, changes, standings, tables
from atombench.board.cards import Findings, audit_lines, current, make_cards
from atombench.board.method_page import MethodJob, MethodOnBoard, make_method
from atombench.board.one_board import BoardJob, BuiltSetting, build_board, panels_of
from atombench.board.overview import Overview, audit_page, dataset_page, methods_page, own_pages, start_page
from atombench.board.staging import Staging, staging
from atombench.errors import ConfigError, DataError, unknown_name
from atombench.pages.addresses import addresses
from atombench.pages.place import Place, title_of, wanted_slug
from atombench.pages.rendering import FRAME, Frame
from atombench.progress import logger, tracked
from atombench.records.board import Board, Setting
from atombench.records.confirmations import Confirmed
from atombench.records.run import Run
from atombench.records.run_list import LostRun, RunEntry, nothing_to_show
from atombench.tasks.table import TASKS, find_task
from atombench.volumes.registry import DatasetRow

T = TypeVar("T")
R = TypeVar("R")
PIECES = 10  # pieces of work per process, for an even load
MANY = 500  # number of records from which several processes are faster than one
HEADINGS = {
    "results.csv": tables.COLUMNS,
    "comparisons.csv": standings.COLUMNS,
    "conditions.csv": changes.COLUMNS,
    "strata.csv": breakdown.COLUMNS,
}
FOLDERS = ("boards", "compared", "methods", "cases", "datasets")
ENDINGS = (".html", ".csv", ".json", ".bib")


@dataclass(frozen=True)
class SiteContent:
    """Input of a site.

    Attributes:
        listed: entries of records by setting, as returned by `settings_listed`.
        datasets: the registry, for titles and licences.
        findings: audits of datasets and boards.
        lost: runs that ended without a record.
        published: files with published results, by task.
        left_out: files that are not shown, with the reason.
        confirmed: answers whose scores a maintainer has confirmed.
    """

    listed: Mapping[str, Sequence[RunEntry]]
    datasets: Mapping[str, DatasetRow]
    findings: Sequence[Findings] = ()
    lost: Sequence[LostRun] = ()
    published: Mapping[str, Path] = field(default_factory=dict)
    left_out: Sequence[str] = ()
    confirmed: frozenset[Confirmed] = frozenset()


def build_site(content: SiteContent, out: Path, processes: int = 1) -> None:
    """Write all pages, tables and downloads, and remove obsolete pages.

    Args:
        content: input of the site.
        out: output folder.
        processes: maximum number of processes.

    Raises:
        DataError: a file cannot be written, or there is nothing to show.
    """
    findings = current(content.findings)
    cards = make_cards(findings, content.datasets)
    many = sum(map(len, content.listed.values())) >= MANY
    vars(FRAME).update(vars(_frame_of(content)))
    with _steady(), staging(out) as stage, _workers(processes if many else 1, content) as work:
        plan = _plan(content, findings, {card.found.digest: card.link for card in cards}, stage)
        made = tracked(work(build_board, plan.groups), len(plan.groups), "boards", "group")
        boards = sorted((board for group in made for board in group), key=_order)
        left_out = [*content.left_out, *plan.unknown, *(note for board in boards for note in board.left_out)]
        for note in left_out:
            logger.warning("omitted: %s", note)
        if not any(board.records for board in boards):
            raise DataError(nothing_to_show(left_out))
        over = Overview(boards, cards, plan.links, left_out, content.datasets, content.published)
        methods = [MethodJob(name, plan.links[name], rows, stage) for name, rows in _by_method(boards).items()]
        names = [name for board in boards for name in board.files]
        names += tracked(work(make_method, methods), len(methods), "methods", "page")
        names += [stage.write(name, text) for name, text in _pages(over)]
        names.append(stage.write("audit.csv", audit_lines(findings).to_csv(index=False, lineterminator="\n")))
        slugs = [board.place.slug for board in boards]
        names += [stage.join(name, ",".join(heading) + "\n", slugs) for name, heading in HEADINGS.items()]
        names += [stage.write(f"assets/{name}", text) for name, text in _assets(over).items()]
        stage.move(names, out)
    _remove_others(out, set(names))


def _order(board: BuiltSetting) -> tuple[str, int, str, bool, str]:
    """Return the sort key of a setting: the headline boards of each task first, and clean before other conditions."""
    name = board.place.setting.board
    return (name.task, find_task(name.task).position(name), board.place.dataset, not board.place.clean, board.place.slug)


def _pages(over: Overview) -> Iterator[tuple[str, str]]:
    """Yield address and content of all pages except those of boards and methods."""
    yield "index.html", start_page(over)
    yield "methods.html", methods_page(over)
    yield "audit.html", audit_page(over)
    yield from own_pages(over)
    for card in over.cards:
        yield card.link, dataset_page(over, card)


def _by_method(boards: Sequence[BuiltSetting]) -> dict[str, list[MethodOnBoard]]:
    methods: dict[str, list[MethodOnBoard]] = {}
    for board in boards:
        for row in board.rows:
            if row.status != "theory":
                entry = MethodOnBoard(board.place, row, board.spec, board.axis, board.parts[row.method])
                methods.setdefault(row.method, []).append(entry)
    return methods


@dataclass(frozen=True)
class _Plan:
    """Work to do: settings by board, addresses of the method pages, and notes about settings of unknown tasks."""

    groups: list[list[BoardJob]]
    links: dict[str, str]
    unknown: list[str]


def _plan(content: SiteContent, findings: Sequence[Findings], cards: Mapping[str, str], stage: Staging) -> _Plan:
    settings = {key: Setting.of_key(key) for key in content.listed}
    settings |= {run.run.setting.key: run.run.setting for run in content.lost}
    places, unknown = _places(settings)
    names = {Run.of_key(entry.run).method for key in places for entry in content.listed.get(key, [])}
    links = addresses({name: name for name in [*names, *(run.run.method for run in content.lost)]})
    audits = [audit for audit in findings if isinstance(audit, BoardFindings)]
    groups: dict[Board, list[BoardJob]] = {}
    for key, place in places.items():
        board = place.setting.board
        job = BoardJob(
            place=place,
            secret=is_secret(board),
            entries=content.listed.get(key, []),
            lost=[run for run in content.lost if run.run.setting.key == key],
            dataset=content.datasets.get(board.dataset),
            audits=[audit for audit in audits if audit.board == board],
            cards=cards,
            links=links,
            places=list(places.values()),
            staging=stage,
            confirmed=content.confirmed,
        )
        groups.setdefault(board, []).append(job)
    return _Plan(list(groups.values()), links, unknown)


def _places(settings: Mapping[str, Setting]) -> tuple[dict[str, Place], list[str]]:
    """Return title and address of each setting of a known task, and a note about each other setting."""
    known, unknown = {}, []
    for key, setting in sorted(settings.items()):
        if setting.board.task in TASKS:
            known[key] = setting
        else:
            unknown.append(f"{key}: {unknown_name('task', setting.board.task, TASKS)}")
    slugs = addresses({key: wanted_slug(setting) for key, setting in known.items()})
    return {key: _place(setting, slugs[key]) for key, setting in known.items()}, unknown


def _place(setting: Setting, slug: str) -> Place:
    task, board = find_task(setting.board.task), setting.board
    try:
        title, parts = task.board_title(board), task.coordinates(board)
    except ConfigError:  # records may hold board names that a configuration could not
        title, parts = board.name, {"board": board.name}
    coordinates = {"task": board.task, "dataset": board.dataset, **parts, "condition": setting.condition}
    return Place(setting, slug, title_of(setting, title), coordinates)


def is_secret(board: Board) -> bool:
    """Return whether a board is secret; True if its task cannot parse the name."""
    try:
        return find_task(board.task).secret(board)
    except ConfigError:
        return True


class _Work(Protocol):
    """Map a function over a sequence in order, possibly in several processes."""

    def __call__(self, do: Callable[[T], R], each: Sequence[T], /) -> Iterable[R]: ...


@contextmanager
def _workers(processes: int, content: SiteContent) -> Iterator[_Work]:
    if processes < 2:
        yield map
        return
    with ProcessPoolExecutor(
        processes, mp_context=get_context("spawn"), initializer=_begin, initargs=(_frame_of(content),)
    ) as pool:
        yield lambda do, each: pool.map(do, each, chunksize=max(1, len(each) // (PIECES * processes)))


def _frame_of(content: SiteContent) -> Frame:
    """Return the elements shared by all pages."""
    names = sorted({Setting.of_key(key).board.task for key in content.listed} & set(TASKS))
    tasks = [find_task(name) for name in names]
    links = [link for task in tasks for link in panels_of(task).links()]
    return Frame(tuple(dict.fromkeys(links)), ", ".join(f"{task.name} {task.protocol}" for task in tasks))


def _begin(frame: Frame) -> None:
    """Initialize a worker process: apply the settings of `_steady` permanently and set the frame of the pages."""
    from threadpoolctl import threadpool_limits

    threadpool_limits(1)
    gc.disable()
    vars(FRAME).update(vars(frame))


@contextmanager
def _steady() -> Iterator[None]:
    """Limit each process to one thread, so that sums do not depend on the number of threads.

    Also disable garbage collection of cycles, which takes half of the time with many records; records have no cycles.
    """
    from threadpoolctl import threadpool_limits

    was_on = gc.isenabled()
    gc.disable()
    try:
        with threadpool_limits(1):
            yield
    finally:
        if was_on:
            gc.enable()


def _assets(over: Overview) -> dict[str, str]:
    """Return style sheet, scripts and their licences, by file name."""
    own = importlib.resources.files("atombench.board") / "assets"
    vendor, plotly = own / "vendor", importlib.resources.files("plotly") / "package_data"
    names = ("board.css", "theme.js", "tables.js", "figures.js")
    sources = {**{name: own / name for name in names}, "dataTables.min.js": vendor / "dataTables.min.js"}
    sources["plotly.min.js"] = plotly / "plotly.min.js"
    for name, resource in (item for _, panels in over.panels() for item in panels.assets.items()):
        package, _, path = resource.partition(":")
        sources[name] = importlib.resources.files(package) / path
    tables_licence = (vendor / "dataTables-licence.txt").read_text(encoding="utf-8")
    plotly_licence = importlib.metadata.distribution("plotly").read_text("licenses/LICENSE.txt") or "MIT"
    licences = f"DataTables\n\n{tables_licence}\n\nplotly.js\n\n{plotly_licence}"
    return {**{name: source.read_text(encoding="utf-8") for name, source in sources.items()}, "licences.txt": licences}


def _remove_others(out: Path, files: set[str]) -> None:
    """Remove pages and downloads that are no longer part of the site."""
    for folder in FOLDERS:
        (out / folder).mkdir(parents=True, exist_ok=True)
        for old in (out / folder).iterdir():
            if old.suffix in ENDINGS and old.relative_to(out).as_posix() not in files:
                old.unlink()
