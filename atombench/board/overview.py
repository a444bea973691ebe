"""The pages over all boards: start page, list of methods, audit, the paper's tables, and the datasets' cards."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from markupsafe import Markup

from atombench.audit.record import Case
from atombench.audit.tables import Finding
from atombench.board.cards import Card
from atombench.board.columns import SCORE, cell, whisker, written
from atombench.board.one_board import MadeBoard
from atombench.board.place import COORDINATES
from atombench.board.rendering import rendered
from atombench.board.rows import Row
from atombench.board.transfer import transfers
from atombench.records.record import Record, in_order
from atombench.tasks.atom.panels.paper import SHOWN as PAPER_METHODS
from atombench.tasks.atom.panels.paper import PaperRow, paper_lines, paper_volumes, tables
from atombench.tasks.atom.panels.paper import findings as paper_findings
from atombench.tasks.atom.panels.pictures import case_picture
from atombench.volumes.registry import DatasetRow
from atombench.volumes.volume_set import SPLITS

NEWEST = 12
REFERENCES = ("constant", "exhaustive")  # shown beside the best method of every board


@dataclass(frozen=True)
class Overview:
    """All boards and cards; `links` are the addresses of the methods' pages, `left_out` says what could not be shown."""

    boards: Sequence[MadeBoard]
    cards: Sequence[Card]
    links: Mapping[str, str]
    left_out: Sequence[str]

    @cached_property
    def records(self) -> list[Record]:
        """Records of the platform's own methods, without what no page over all boards shows."""
        return sorted((record for board in self.boards for record in board.kept), key=in_order)

    @property
    def commits(self) -> list[str]:
        """Commits of the code behind the records."""
        return sorted({commit for board in self.boards for commit in board.commits})

    @property
    def odd(self) -> list[tuple[Card, list[Finding], list[tuple[str, str, list[Finding]]]]]:
        """What wants a second look: by dataset, of its volumes and of each of its boards (name and manifest)."""
        return [
            (
                card,
                [line for line in card.volume_lines if line.odd],
                [(board.name, board.manifest, [line for line in board.lines if line.odd]) for board in card.boards],
            )
            for card in self.cards
        ]


@dataclass(frozen=True)
class BoardLine:
    """A board on the start page: its best network or submission, and the references."""

    board: MadeBoard
    best: Row | None
    whisker: Markup
    score: Markup
    references: list[Markup]


def start_page(over: Overview) -> str:
    """What the task is, all boards, the newest results, the datasets."""
    case = _telling(over.boards)
    filters = {name: _values(over.boards, name) for name in COORDINATES}
    return rendered(
        "index.html.j2", over=over, lines=[_board_line(board) for board in over.boards], newest=_newest(over.boards),
        picture=case_picture(case[1]) if case else None, shown=case[0].place if case else None, references=REFERENCES,
        filters={name: values for name, values in filters.items() if len(values) > 1}, written=written,
        transfers=transfers(over.records), runs=sum(board.records for board in over.boards),
    )  # fmt: skip


def _telling(boards: Sequence[MadeBoard]) -> tuple[MadeBoard, Case] | None:
    """Of the first board that has cases, the one whose section shows most."""
    board = next((one for one in boards if one.cases), None)
    if board is None:
        return None
    return board, max(board.cases, key=lambda case: float(np.std(np.frombuffer(base64.b64decode(case.pixels), np.uint8))))


def _values(boards: Sequence[MadeBoard], name: str) -> list[str | int]:
    found = {board.place.named[name] for board in boards}
    return sorted(found, key=lambda value: (isinstance(value, str), value))


def _board_line(board: MadeBoard) -> BoardLine:
    by_name = {row.method: row for row in board.rows}
    best = next((row for row in board.rows if row.standing and row.role not in ("control", "search")), None)
    blank = Markup('<td class="none" data-order="-1e99" title="{}">–</td>')
    none = "no network or submission is complete here"
    return BoardLine(
        board=board,
        best=best,
        whisker=whisker(best) if best else blank.format(none),
        score=cell(best, SCORE) if best else blank.format(none),
        references=[
            cell(by_name[name], SCORE) if name in by_name else blank.format("not run on this board") for name in REFERENCES
        ],
    )


def _newest(boards: Sequence[MadeBoard]) -> list[tuple[Row, MadeBoard, Markup]]:
    """The rows whose runs began last."""
    rows = [(row, board) for board in boards for row in board.rows if row.newest]
    rows.sort(key=lambda pair: (pair[0].newest, pair[1].place.slug, pair[0].method), reverse=True)
    return [(row, board, cell(row, SCORE)) for row, board in rows[:NEWEST]]


@dataclass(frozen=True)
class MethodLine:
    """A method in the list of all: its first row, on how many boards it stands and is ranked, and when its newest run began."""

    first: Row
    boards: int
    ranked: int
    newest: str


def methods_page(over: Overview) -> str:
    """All methods with the boards that they stand on."""
    found: dict[str, list[Row]] = {}
    for row in (row for board in over.boards for row in board.rows if row.status != "theory"):
        found.setdefault(row.method, []).append(row)
    lines = [
        MethodLine(rows[0], len(rows), sum(row.standing is not None for row in rows), max(row.newest for row in rows)[:10])
        for _, rows in sorted(found.items())
    ]
    return rendered("methods.html.j2", lines=lines, links=over.links)


def audit_page(over: Overview) -> str:
    """What the audits of all datasets and boards want looked at twice."""
    return rendered("audit.html.j2", over=over)


def _is_of(board: MadeBoard, card: Card) -> bool:
    return (board.place.named["dataset"], board.place.named["scale"]) == (card.found.dataset, card.found.scale)


def dataset_page(over: Overview, card: Card) -> str:
    """A dataset's card."""
    boards = [board.place for board in over.boards if _is_of(board, card)]
    return rendered("dataset.html.j2", root="../", card=card, splits=SPLITS, boards=boards)


def paper_page(over: Overview, paper: Sequence[PaperRow], datasets: Mapping[str, DatasetRow]) -> str:
    """The paper's tables cell by cell beside our own runs."""
    lines = paper_lines(paper, over.records, datasets)
    return rendered(
        "paper.html.j2", tables=tables(lines), methods=PAPER_METHODS, findings=paper_findings(lines, over.records),
        volumes=paper_volumes(datasets),
    )  # fmt: skip
