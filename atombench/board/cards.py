"""Dataset cards: one page per dataset and scale, made from its audit files and its row in the registry."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import pandas as pd

from atombench.audit.record import BoardFindings, VolumeFindings
from atombench.audit.tables import Finding, board_table, by_split, volume_table
from atombench.board.audit_figures import audit_figure, histogram_figure
from atombench.tasks.atom.secret import is_secret
from atombench.volumes.registry import DatasetRow, is_open

Findings = VolumeFindings | BoardFindings
UNKNOWN = "not in the registry"


@dataclass(frozen=True)
class CardBoard:
    """A board on a dataset's card."""

    name: str
    manifest: str
    lines: list[Finding]


@dataclass(frozen=True)
class Card:
    """Everything that the page of a dataset shows."""

    found: VolumeFindings
    title: str
    modality: str
    licence: str
    cite: str
    note: str
    boards: list[CardBoard]
    volume_lines: list[Finding] = field(repr=False)
    histogram: str = field(repr=False)
    figure: str = field(repr=False)

    @property
    def volumes(self) -> str:
        """Volumes of each split."""
        return by_split(self.found.volumes)

    @property
    def subjects(self) -> str:
        """Subjects of each split."""
        return by_split(self.found.subjects)

    @property
    def link(self) -> str:
        """Address of the page, from the start page."""
        return card_link(self.found.dataset, self.found.scale)


def card_link(dataset: str, scale: int) -> str:
    """Address of a dataset's page, from the start page."""
    return f"datasets/{dataset}-x{scale}.html"


def current(findings: Sequence[Findings]) -> list[Findings]:
    """Findings of all datasets, and those of boards that were made from their volumes as they are now.

    Secret boards are left out: where their test sections lie, and how often, would tell something of their labels.
    """
    about = [found for found in findings if isinstance(found, VolumeFindings)]
    now = {found.digest for found in about}
    return [*about, *(found for found in findings if _may_be_told(found, now))]


def _may_be_told(found: Findings, now: Collection[str]) -> bool:
    return isinstance(found, BoardFindings) and found.volumes in now and not is_secret(found.gathering)


def make_cards(findings: Sequence[Findings], datasets: dict[str, DatasetRow]) -> list[Card]:
    """Make the cards of all audited datasets.

    Whatever an audit file holds, the card of a dataset that the registry calls restricted, or does not know, shows neither
    pictures nor names.
    """
    about = [found for found in findings if isinstance(found, VolumeFindings)]
    boards = [found for found in findings if isinstance(found, BoardFindings)]
    cards = []
    for found in sorted(about, key=lambda one: (one.dataset, one.scale)):
        row = datasets.get(found.dataset)
        shown = found if is_open(row) else found.redacted()
        cards.append(_card(shown, [board for board in boards if board.volumes == found.digest], row))
    return cards


def _card(found: VolumeFindings, boards: list[BoardFindings], row: DatasetRow | None) -> Card:
    boards = sorted(boards, key=lambda board: (board.split, board.gathering))
    return Card(
        found=found,
        title=(row.title if row else "") or found.dataset,
        modality=row.modality if row else UNKNOWN,
        licence=row.licence if row else UNKNOWN,
        cite=row.cite if row else UNKNOWN,
        note=row.note if row else "",
        boards=[CardBoard(f"{board.gathering}, split {board.split}", board.manifest, board_table(board)) for board in boards],
        volume_lines=volume_table(found),
        histogram=histogram_figure(found),
        figure=audit_figure(boards) if boards else "",
    )


def audit_lines(findings: Sequence[Findings]) -> pd.DataFrame:
    """Every number of every audit as one long table."""
    rows = []
    for found in sorted(findings, key=lambda one: (one.dataset, one.scale, one.kind, getattr(one, "gathering", ""))):
        place = {"dataset": found.dataset, "scale": found.scale}
        if isinstance(found, BoardFindings):
            place |= {"gathering": found.gathering, "split": found.split}
            for part, about in found.parts.items():
                rows += [{**place, "part": part, "finding": name, "value": value} for name, value in _numbers(about)]
        else:
            rows += [{**place, "finding": name, "value": value} for name, value in _numbers(found)]
    return pd.DataFrame(rows, columns=["dataset", "scale", "gathering", "split", "part", "finding", "value"])


def _numbers(model: object) -> list[tuple[str, float]]:
    """Names and values of all single numbers of an audit."""
    numbers: list[tuple[str, float]] = []
    for name, value in vars(model).items():
        if isinstance(value, (int, float)) and name != "scale":
            numbers.append((name, value))
        elif name in ("volumes", "subjects") and isinstance(value, dict):
            numbers += [(f"{name}_{split}", count) for split, count in value.items()]
        elif name in ("exact_pairs", "near_pairs"):
            numbers += [(name, value[0]), (f"{name}_across_splits", value[1])]
        elif name in ("depths", "subjects_in_two_splits"):
            numbers.append((name, len(value)))
        elif name == "neighbours":
            numbers += [("neighbours_likeness", value.likeness), ("neighbours_excess", value.excess)]
        elif name == "background" and isinstance(value, tuple):
            numbers.append(("background_median", value[1]))
    return numbers
