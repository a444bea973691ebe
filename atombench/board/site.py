"""The whole site: one folder that opens from the file system, without network and, for the tables, without script."""

from __future__ import annotations

import importlib.metadata
import importlib.resources
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pandas as pd

from atombench.audit.record import BoardFindings
from atombench.board import breakdown, standings, tables
from atombench.board.addresses import addresses
from atombench.board.board_page import Place
from atombench.board.cards import Findings, audit_lines, current, make_cards
from atombench.board.method_page import MethodOnBoard, method_page
from atombench.board.one_board import BoardTask, MadeBoard, make_boards
from atombench.board.overview import Overview, audit_page, dataset_page, methods_page, paper_page, start_page
from atombench.board.paper import PaperRow
from atombench.errors import DataError
from atombench.evaluation.record import unquoted
from atombench.files import written_whole
from atombench.progress import logger, tracked
from atombench.runs import LostRun, RunEntry, nothing_to_show
from atombench.volumes.registry import DatasetRow

MANY = 500  # records from which on several processes are worth their start
HEADINGS = {"results.csv": tables.COLUMNS, "comparisons.csv": standings.COLUMNS, "strata.csv": breakdown.COLUMNS}
FOLDERS = ("boards", "methods", "cases", "datasets")


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
    groups, links = _tasks(listed, lost, datasets, findings, {card.found.digest: card.link for card in cards})
    boards = sorted(_all_made(groups, processes), key=lambda board: board.place.slug)
    left_out = [*left_out, *(note for board in boards for note in board.left_out)]
    for note in left_out:
        logger.warning("left out: %s", note)
    if not any(board.records for board in boards):
        raise DataError(nothing_to_show(left_out))
    overview = Overview(boards, cards, links, left_out)
    pages = {"index.html": start_page(overview), "methods.html": methods_page(overview), "audit.html": audit_page(overview)}
    pages |= {card.link: dataset_page(overview, card) for card in cards}
    pages["paper.html"] = paper_page(overview, paper, datasets)
    files = _files(out, pages, boards, links, audit_lines(findings))
    _remove_others(out, files)


def _files(
    out: Path, pages: Mapping[str, str], boards: Sequence[MadeBoard], links: Mapping[str, str], audit: pd.DataFrame
) -> set[str]:
    """Write everything; gives the addresses of what was written."""
    names = set()
    for name, text in _texts(pages, boards, links, audit):
        with written_whole(out / name) as temporary:
            temporary.write_text(text, encoding="utf-8", newline="")
        names.add(name)
    for name, content in _assets().items():
        with written_whole(out / "assets" / name) as temporary:
            temporary.write_bytes(content)
    return names


def _texts(
    pages: Mapping[str, str], boards: Sequence[MadeBoard], links: Mapping[str, str], audit: pd.DataFrame
) -> Iterator[tuple[str, str]]:
    yield from pages.items()
    yield "audit.csv", audit.to_csv(index=False, lineterminator="\n")
    for name, heading in HEADINGS.items():
        yield name, "".join([",".join(heading) + "\n", *(board.tables[name] for board in boards)])
    for board in boards:
        yield from board.files.items()
    for method, on_boards in _by_method(boards).items():
        yield f"methods/{links[method]}.html", method_page(method, on_boards)


def _by_method(boards: Sequence[MadeBoard]) -> dict[str, list[MethodOnBoard]]:
    found: dict[str, list[MethodOnBoard]] = {}
    for board in boards:
        for row in board.rows:
            if row.method in board.parts:
                found.setdefault(row.method, []).append(MethodOnBoard(board.place, row, board.parts[row.method]))
    return found


def _tasks(
    listed: Mapping[str, Sequence[RunEntry]],
    lost: Sequence[LostRun],
    datasets: Mapping[str, DatasetRow],
    findings: Sequence[Findings],
    cards: Mapping[str, str],
) -> tuple[list[list[BoardTask]], dict[str, str]]:
    """What is to be made, sister boards together, and the addresses of the methods' pages."""
    parts = {key: unquoted(key) for key in listed} | {_board_key(one): one.unit.board for one in lost}
    slugs = addresses(_slug(place) for place in parts.values())
    places = {key: Place(tuple(place), slugs[_slug(place)]) for key, place in sorted(parts.items())}
    names = {unquoted(entry.unit)[-2] for entries in listed.values() for entry in entries}
    links = addresses({str(name) for name in names} | {one.unit.method for one in lost})
    audits = [found for found in findings if isinstance(found, BoardFindings)]
    groups: dict[tuple[str | int, ...], list[BoardTask]] = {}
    for key, place in places.items():
        named = place.named
        task = BoardTask(
            place=place, entries=listed.get(key, []), lost=[one for one in lost if _board_key(one) == key],
            dataset=datasets.get(str(named["dataset"])), audits=[one for one in audits if one.dataset == named["dataset"]],
            cards=cards, links=links, places=list(places.values()),
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


def _all_made(groups: Sequence[list[BoardTask]], processes: int) -> Iterable[MadeBoard]:
    records = sum(len(task.entries) for group in groups for task in group)
    if processes < 2 or records < MANY:
        yield from _flat(map(make_boards, groups), len(groups))
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn"), initializer=_one_thread) as pool:
        yield from _flat(pool.map(make_boards, groups), len(groups))


def _flat(made: Iterable[list[MadeBoard]], groups: int) -> Iterator[MadeBoard]:
    for boards in tracked(made, groups, "boards", "group"):
        yield from boards


def _one_thread() -> None:
    """Processes share the processors; each works with one."""
    from threadpoolctl import threadpool_limits

    threadpool_limits(1)


def _assets() -> dict[str, bytes]:
    """Style, scripts and their licences."""
    own = importlib.resources.files("atombench.board") / "assets"
    plotly = importlib.resources.files("plotly") / "package_data" / "plotly.min.js"
    found = {name: (own / name).read_bytes() for name in ("board.css", "theme.js", "tables.js", "figures.js", "viewer.js")}
    found |= {"dataTables.min.js": (own / "vendor" / "dataTables.min.js").read_bytes(), "plotly.min.js": plotly.read_bytes()}
    tables_licence = (own / "vendor" / "dataTables-licence.txt").read_bytes()
    plotly_licence = (importlib.metadata.distribution("plotly").read_text("licenses/LICENSE.txt") or "MIT").encode()
    found["licences.txt"] = b"DataTables\n\n" + tables_licence + b"\n\nplotly.js\n\n" + plotly_licence
    return found


def _remove_others(out: Path, files: set[str]) -> None:
    """Remove pages and files of boards, methods and datasets that are no longer shown."""
    for folder in FOLDERS:
        (out / folder).mkdir(parents=True, exist_ok=True)
        for old in (out / folder).iterdir():
            if old.is_file() and old.relative_to(out).as_posix() not in files:
                old.unlink()
