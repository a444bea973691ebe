"""Dataset cards: one page per dataset and curated form, from audit files and the registry."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import pandas as pd

from atombench.audit.record import BoardFindings, Line, VolumeFindings
from atombench.audit.tables import by_split, volume_table
from atombench.board.histogram import histogram_figure
from atombench.board.one_board import panels_of
from atombench.errors import ConfigError
from atombench.records.board import Board
from atombench.tasks.table import find_task
from atombench.volumes.registry import DatasetRow, is_open

Findings = VolumeFindings | BoardFindings
UNKNOWN = "not in the registry"


@dataclass(frozen=True)
class CardBoard:
    """A board on a dataset card."""

    board: Board
    name: str
    manifest: str
    lines: list[Line]


@dataclass(frozen=True)
class Card:
    """Content of the page of a dataset."""

    found: VolumeFindings
    title: str
    modality: str
    licence: str
    cite: str
    note: str
    boards: list[CardBoard]
    volume_lines: list[Line] = field(repr=False)
    histogram: str = field(repr=False)
    figures: list[str] = field(repr=False)

    @property
    def volumes(self) -> str:
        """Number of volumes in each split, as text."""
        return by_split(self.found.volumes)

    @property
    def subjects(self) -> str:
        """Number of subjects in each split, as text."""
        return by_split(self.found.subjects)

    @property
    def link(self) -> str:
        """Address of the page, relative to the start page."""
        return card_link(self.found.dataset, self.found.form)

    def holds(self, board: Board) -> bool:
        """Return whether a board uses this dataset and form."""
        return any(entry.board == board for entry in self.boards)


def card_link(dataset: str, form: str) -> str:
    """Return the address of the page of a dataset, relative to the start page."""
    return f"datasets/{dataset}-{form}.html"


def current(findings: Sequence[Findings]) -> list[Findings]:
    """Return the findings of all datasets, and of the boards drawn from their current data.

    Secret boards are omitted, since the positions of their test queries reveal information about the labels.
    """
    volumes = [audit for audit in findings if isinstance(audit, VolumeFindings)]
    digests = {audit.digest for audit in volumes}
    return [*volumes, *(audit for audit in findings if isinstance(audit, BoardFindings) and _may_be_shown(audit, digests))]


def _may_be_shown(audit: BoardFindings, digests: Collection[str]) -> bool:
    try:
        return audit.data in digests and not find_task(audit.task).secret(audit.board)
    except ConfigError:
        return False


def make_cards(findings: Sequence[Findings], datasets: Mapping[str, DatasetRow]) -> list[Card]:
    """Make the cards of all audited datasets.

    Cards of datasets that are restricted, or not in the registry, never show pictures or names of files and subjects.
    """
    volumes = [audit for audit in findings if isinstance(audit, VolumeFindings)]
    boards = [audit for audit in findings if isinstance(audit, BoardFindings)]
    cards = []
    for audit in sorted(volumes, key=lambda audit: (audit.dataset, audit.form)):
        row = datasets.get(audit.dataset)
        shown = audit if is_open(row) else audit.redacted()
        cards.append(_card(shown, [board for board in boards if board.data == audit.digest], row))
    return cards


def _card(volumes: VolumeFindings, boards: list[BoardFindings], row: DatasetRow | None) -> Card:
    boards = sorted(boards, key=lambda board: board.board)
    figures = [
        panels_of(find_task(task)).audit_figure(list(audits)) for task, audits in groupby(boards, lambda board: board.task)
    ]
    return Card(
        found=volumes,
        title=(row.title if row else "") or volumes.dataset,
        modality=row.modality if row else UNKNOWN,
        licence=row.licence if row else UNKNOWN,
        cite=row.cite if row else UNKNOWN,
        note=row.note if row else "",
        boards=[
            CardBoard(board.board, find_task(board.task).board_title(board.board), board.manifest, board.lines)
            for board in boards
        ],
        volume_lines=volume_table(volumes),
        histogram=histogram_figure(volumes),
        figures=[figure for figure in figures if figure],
    )


def audit_lines(findings: Sequence[Findings]) -> pd.DataFrame:
    """Return all numbers of all audits as one long table."""
    rows: list[dict[str, Any]] = []
    for audit in sorted(
        findings, key=lambda audit: (audit.dataset, audit.kind, getattr(audit, "form", getattr(audit, "name", "")))
    ):
        if isinstance(audit, BoardFindings):
            subject = {"dataset": audit.dataset, "task": audit.task, "board": audit.name}
            for part, numbers in audit.numbers.items():
                rows += [{**subject, "part": part, "finding": name, "value": value} for name, value in numbers.items()]
        else:
            subject = {"dataset": audit.dataset, "form": audit.form}
            rows += [{**subject, "finding": name, "value": value} for name, value in _numbers(audit)]
    return pd.DataFrame(rows, columns=["dataset", "form", "task", "board", "part", "finding", "value"])


def _numbers(audit: VolumeFindings) -> list[tuple[str, float]]:
    """Return names and values of all scalars of an audit of volumes."""
    numbers: list[tuple[str, float]] = [(name, value) for name, value in vars(audit).items() if isinstance(value, int | float)]
    for name in ("volumes", "subjects"):
        numbers += [(f"{name}_{split}", count) for split, count in getattr(audit, name).items()]
    for name in ("exact_pairs", "near_pairs"):
        pairs = getattr(audit, name)
        numbers += [(name, pairs[0]), (f"{name}_across_splits", pairs[1])]
    return [
        *numbers,
        ("subjects_in_two_splits", len(audit.subjects_in_two_splits)),
        ("neighbours_likeness", audit.neighbours.likeness),
        ("neighbours_excess", audit.neighbours.excess),
        ("background_median", audit.background[1]),
    ]
