"""Pages across boards: start page, list of methods, audit, and dataset cards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from atombench.audit.record import Line
from atombench.board.cards import Card
from atombench.board.columns import named_cell, shared, whisker
from atombench.board.one_board import BuiltSetting, panels_of
from atombench.pages.panels import Panels, Results
from atombench.pages.rendering import rendered
from atombench.pages.row import Row
from atombench.records.record import Record
from atombench.tasks.table import find_task
from atombench.volumes.registry import DatasetRow
from atombench.volumes.volume_set import SPLITS

NEWEST = 12
MOST_REFERENCES = 3  # columns of the start page
HERE = "atombench.board"


@dataclass(frozen=True)
class Overview:
    """Content of the pages across boards.

    Attributes:
        boards: all settings.
        cards: dataset cards.
        links: addresses of the method pages.
        left_out: files and settings that cannot be shown, with the reason.
        datasets: registry entries by dataset name.
        published: files with published results, by task.
    """

    boards: Sequence[BuiltSetting]
    cards: Sequence[Card]
    links: Mapping[str, str]
    left_out: Sequence[str]
    datasets: Mapping[str, DatasetRow]
    published: Mapping[str, Path]

    @property
    def tasks(self) -> list[str]:
        """Names of the tasks that have boards, sorted."""
        return sorted({board.place.setting.board.task for board in self.boards})

    @property
    def commits(self) -> list[str]:
        """Commits of the code behind the records."""
        return sorted({commit for board in self.boards for commit in board.commits})

    @property
    def flagged(self) -> list[tuple[Card, list[Line], list[tuple[str, str, list[Line]]]]]:
        """Flagged findings by dataset card: of its volumes, and of each of its boards (name, manifest, findings)."""
        return [
            (
                card,
                [line for line in card.volume_lines if line.flagged],
                [(board.name, board.manifest, [line for line in board.lines if line.flagged]) for board in card.boards],
            )
            for card in self.cards
        ]

    def results(self, task: str) -> Results:
        """Return the input for the pages of a task."""
        kept = [record for board in self.boards if board.place.setting.board.task == task for record in board.kept]
        records: list[Record] = sorted(kept, key=lambda record: record.run.order)
        return Results(records, self.datasets, self.published.get(task))

    def panels(self) -> list[tuple[str, Panels]]:
        """Return the panels of each task."""
        return [(name, panels_of(find_task(name))) for name in self.tasks]


@dataclass(frozen=True)
class BoardLine:
    """A board on the start page: its best network or submission, and the references."""

    board: BuiltSetting
    best: Row | None
    whisker: Markup
    score: Markup
    references: list[Markup]


def start_page(over: Overview) -> str:
    """Return the start page: questions of the tasks, all boards, newest results, datasets."""
    pictures = [(board.picture, board) for board in over.boards if board.picture]
    shown = max(pictures, key=lambda pair: pair[0].interest, default=None)
    references = list(dict.fromkeys(name for board in over.boards for name in board.references))[:MOST_REFERENCES]
    heading, labels = shared([board.spec for board in over.boards], [board.axis for board in over.boards])
    return rendered(
        HERE,
        "index.html.j2",
        over=over,
        lines=[_board_line(board, references, heading) for board in over.boards],
        newest=_newest(over.boards, heading),
        picture=shown[0] if shown else None,
        references=references,
        filters=_filters(over.boards),
        axis_labels=labels,
        heading=heading,
        marks_of_inputs=list(dict.fromkeys(name for task in over.tasks for name in find_task(task).inputs)),
        leads=[panels.lead for _, panels in over.panels() if panels.lead],
        notes=[note for _, panels in over.panels() for note in panels.notes],
        sections=[panels.sections(over.results(name)) for name, panels in over.panels()],
        runs=sum(board.records for board in over.boards),
    )


def _filters(boards: Sequence[BuiltSetting]) -> dict[str, list[str]]:
    """Return the values of each coordinate that has several."""
    values: dict[str, set[str]] = {}
    for board in boards:
        for name, value in board.place.coordinates.items():
            values.setdefault(name, set()).add(value)
    return {name: sorted(distinct) for name, distinct in values.items() if len(distinct) > 1}


def _board_line(board: BuiltSetting, references: Sequence[str], heading: str) -> BoardLine:
    by_name = {row.method: row for row in board.rows}
    candidates = (row for row in board.rows if row.standing and row.role not in ("control", "search"))
    best = next(candidates, None)
    blank = Markup('<td class="none" data-order="-1e99" title="{}">–</td>')
    no_best = "no network or submission is complete on this board"
    return BoardLine(
        board=board,
        best=best,
        whisker=whisker(best, board.axis) if best else blank.format(no_best),
        score=named_cell(best, board.spec, heading) if best else blank.format(no_best),
        references=[
            named_cell(by_name[name], board.spec, heading) if name in by_name else blank.format("not run on this board")
            for name in references
        ],
    )


def _newest(boards: Sequence[BuiltSetting], heading: str) -> list[tuple[Row, BuiltSetting, Markup]]:
    """Return the rows with the most recently started runs."""
    rows = [(row, board) for board in boards for row in board.rows if row.newest]
    rows.sort(key=lambda pair: (pair[0].newest, pair[1].place.slug, pair[0].method), reverse=True)
    return [(row, board, named_cell(row, board.spec, heading)) for row, board in rows[:NEWEST]]


@dataclass(frozen=True)
class MethodLine:
    """A method in the list of methods: first row, number of boards and rankings, and start of the newest run."""

    first: Row
    boards: int
    ranked: int
    newest: str


def methods_page(over: Overview) -> str:
    """Return the page with the list of methods."""
    by_method: dict[str, list[Row]] = {}
    for row in (row for board in over.boards for row in board.rows if row.status != "theory"):
        by_method.setdefault(row.method, []).append(row)
    lines = [
        MethodLine(rows[0], len(rows), sum(row.standing is not None for row in rows), max(row.newest for row in rows)[:10])
        for _, rows in sorted(by_method.items())
    ]
    return rendered(HERE, "methods.html.j2", lines=lines, links=over.links)


def audit_page(over: Overview) -> str:
    """Return the page with the flagged findings of all audits."""
    return rendered(HERE, "audit.html.j2", over=over)


def dataset_page(over: Overview, card: Card) -> str:
    """Return the page of a dataset card."""
    boards = [board.place for board in over.boards if card.holds(board.place.setting.board)]
    return rendered(HERE, "dataset.html.j2", root="../", card=card, splits=SPLITS, boards=boards)


def own_pages(over: Overview) -> Iterator[tuple[str, str]]:
    """Yield address and content of the pages of all tasks."""
    for name, panels in over.panels():
        yield from panels.pages(over.results(name))
