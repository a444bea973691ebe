"""The whole site: one folder that opens from the file system, without network and, for the tables, without script."""

from __future__ import annotations

import gc
import importlib.metadata
import importlib.resources
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Protocol, TypeVar

from atombench.audit.record import BoardFindings
from atombench.board import breakdown, standings, tables
from atombench.board.addresses import addresses
from atombench.board.cards import Findings, audit_lines, current, make_cards
from atombench.board.method_page import MethodJob, MethodOnBoard, make_method
from atombench.board.one_board import BoardJob, MadeBoard, make_boards
from atombench.board.overview import Overview, audit_page, dataset_page, methods_page, paper_page, start_page
from atombench.board.place import Place
from atombench.board.staging import Staging, staging
from atombench.errors import DataError
from atombench.progress import logger, tracked
from atombench.records.record import unquoted
from atombench.records.run_list import LostRun, RunEntry, nothing_to_show
from atombench.tasks.atom.panels.paper import PaperRow
from atombench.volumes.registry import DatasetRow

T = TypeVar("T")
R = TypeVar("R")
PIECES = 10  # for each process, so that none waits long for the others
MANY = 500  # records from which on several processes are worth their start
HEADINGS = {"results.csv": tables.COLUMNS, "comparisons.csv": standings.COLUMNS, "strata.csv": breakdown.COLUMNS}
FOLDERS = ("boards", "methods", "cases", "datasets")
ENDINGS = (".html", ".csv", ".json", ".bib")


def build_site(
    listed: Mapping[str, Sequence[RunEntry]],
    datasets: Mapping[str, DatasetRow],
    out: Path,
    left_out: Sequence[str] = (),
    findings: Sequence[Findings] = (),
    paper: Sequence[PaperRow] = (),
    lost: Sequence[LostRun] = (),
    processes: int = 1,
) -> None:
    """Write all pages, tables and files, and remove pages that no longer have a subject.

    Args:
        listed: records by board, as `boards_listed` gives them.
        datasets: the registry, for titles and licences.
        out: the folder.
        left_out: files that are not shown, with the reason.
        findings: audits of datasets and boards.
        paper: the published tables, for the page that shows them beside our runs.
        lost: units that ended without a record.
        processes: how many may work at once.

    Raises:
        DataError: a file cannot be written, or there is nothing to show.
    """
    findings = current(findings)
    cards = make_cards(findings, dict(datasets))
    many = sum(map(len, listed.values())) >= MANY
    with _steady(), staging(out) as stage, _workers(processes if many else 1) as work:
        groups, links = _tasks(listed, lost, datasets, findings, {card.found.digest: card.link for card in cards}, stage)
        made = tracked(work(make_boards, groups), len(groups), "boards", "group")
        boards = sorted((board for group in made for board in group), key=lambda board: board.place.slug)
        left_out = [*left_out, *(note for board in boards for note in board.left_out)]
        for note in left_out:
            logger.warning("left out: %s", note)
        if not any(board.records for board in boards):
            raise DataError(nothing_to_show(left_out))
        over = Overview(boards, cards, links, left_out)
        methods = [MethodJob(name, links[name], on_boards, stage) for name, on_boards in _by_method(boards).items()]
        names = [name for board in boards for name in board.files]
        names += tracked(work(make_method, methods), len(methods), "methods", "page")
        names += [stage.write(name, text) for name, text in _pages(over, paper, datasets)]
        names.append(stage.write("audit.csv", audit_lines(findings).to_csv(index=False, lineterminator="\n")))
        slugs = [board.place.slug for board in boards]
        names += [stage.join(name, ",".join(heading) + "\n", slugs) for name, heading in HEADINGS.items()]
        names += [stage.write(f"assets/{name}", text) for name, text in _assets().items()]
        stage.move(names, out)
    _remove_others(out, set(names))


def _pages(over: Overview, paper: Sequence[PaperRow], datasets: Mapping[str, DatasetRow]) -> Iterator[tuple[str, str]]:
    """All pages but those of boards, by address."""
    yield "index.html", start_page(over)
    yield "methods.html", methods_page(over)
    yield "audit.html", audit_page(over)
    yield "paper.html", paper_page(over, paper, datasets)
    for card in over.cards:
        yield card.link, dataset_page(over, card)


def _by_method(boards: Sequence[MadeBoard]) -> dict[str, list[MethodOnBoard]]:
    found: dict[str, list[MethodOnBoard]] = {}
    for board in boards:
        for row in board.rows:
            if row.status != "theory":
                found.setdefault(row.method, []).append(MethodOnBoard(board.place, row, board.parts[row.method]))
    return found


def _tasks(
    listed: Mapping[str, Sequence[RunEntry]],
    lost: Sequence[LostRun],
    datasets: Mapping[str, DatasetRow],
    findings: Sequence[Findings],
    cards: Mapping[str, str],
    stage: Staging,
) -> tuple[list[list[BoardJob]], dict[str, str]]:
    """What is to be made, sister boards together, and the addresses of the methods' pages."""
    parts = {key: unquoted(key) for key in listed} | {_board_key(one): one.unit.board for one in lost}
    slugs = addresses({key: _slug(place) for key, place in parts.items()})
    places = {key: Place(tuple(place), slugs[key]) for key, place in sorted(parts.items())}
    names = {unquoted(entry.unit)[-2] for entries in listed.values() for entry in entries}
    links = addresses({name: name for name in [*map(str, names), *(one.unit.method for one in lost)]})
    audits = [found for found in findings if isinstance(found, BoardFindings)]
    groups: dict[tuple[str | int, ...], list[BoardJob]] = {}
    for key, place in places.items():
        named = place.named
        task = BoardJob(
            place=place, entries=listed.get(key, []), lost=[one for one in lost if _board_key(one) == key],
            dataset=datasets.get(str(named["dataset"])), audits=[one for one in audits if one.dataset == named["dataset"]],
            cards=cards, links=links, places=list(places.values()), staging=stage,
        )  # fmt: skip
        groups.setdefault(place.coordinates[:5], []).append(task)
    return list(groups.values()), links


def _board_key(one: LostRun) -> str:
    return one.unit.key.rsplit("/", 2)[0]


def _slug(place: Sequence[str | int]) -> str:
    """Name of a board's page before it is made safe."""
    _, dataset, gathering, split, scale, degradation, severity = place
    clean = (degradation, severity) == ("clean", 0)
    return f"{dataset}-{gathering}-{split}-x{scale}" + ("" if clean else f"-{degradation}-{severity}")


class _Work(Protocol):
    """Does one thing to each of many, in order, possibly in several processes."""

    def __call__(self, do: Callable[[T], R], each: Sequence[T], /) -> Iterable[R]: ...


@contextmanager
def _workers(processes: int) -> Iterator[_Work]:
    if processes < 2:
        yield map
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn"), initializer=_begin) as pool:
        yield lambda do, each: pool.map(do, each, chunksize=max(1, len(each) // (PIECES * processes)))


def _begin() -> None:
    """What `_steady` does, for good."""
    from threadpoolctl import threadpool_limits

    threadpool_limits(1)
    gc.disable()


@contextmanager
def _steady() -> Iterator[None]:
    """One thread to a process, so that sums come out alike to the last digit however many there are.

    And no search for cycles, which takes half of the time where there are many records (they hold none).
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


def _assets() -> dict[str, str]:
    """Style, scripts and their licences."""
    own = importlib.resources.files("atombench.board") / "assets"
    vendor, plotly = own / "vendor", importlib.resources.files("plotly") / "package_data"
    names = ("board.css", "theme.js", "tables.js", "figures.js", "viewer.js")
    sources = {**{name: own / name for name in names}, "dataTables.min.js": vendor / "dataTables.min.js"}
    sources["plotly.min.js"] = plotly / "plotly.min.js"
    tables_licence = (vendor / "dataTables-licence.txt").read_text(encoding="utf-8")
    plotly_licence = importlib.metadata.distribution("plotly").read_text("licenses/LICENSE.txt") or "MIT"
    licences = f"DataTables\n\n{tables_licence}\n\nplotly.js\n\n{plotly_licence}"
    return {**{name: source.read_text(encoding="utf-8") for name, source in sources.items()}, "licences.txt": licences}


def _remove_others(out: Path, files: set[str]) -> None:
    """Remove pages and files of boards, methods and datasets that are no longer shown."""
    for folder in FOLDERS:
        (out / folder).mkdir(parents=True, exist_ok=True)
        for old in (out / folder).iterdir():
            if old.suffix in ENDINGS and old.relative_to(out).as_posix() not in files:
                old.unlink()
