"""Panels: pages, figures and pictures of a single task. The base class has none; tasks override its methods."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from markupsafe import Markup

from atombench.audit.record import BoardFindings
from atombench.pages.figure import Figure
from atombench.pages.place import Place
from atombench.pages.row import Row
from atombench.records.record import Record

Link = tuple[str, str]
"""Address relative to the start page, and link text."""


@dataclass(frozen=True)
class Results:
    """Input of the pages across all boards of a task.

    Attributes:
        records: records of measured runs, reduced to what such pages show (see `Panels.trimmed`).
        datasets: registry entries by dataset name.
        published: file with published results for the task; None if there are none.
    """

    records: Sequence[Record]
    datasets: Mapping[str, Any]
    published: Path | None = None


@dataclass(frozen=True)
class Picture:
    """A picture for the start page with its caption; the picture with the highest interest is shown."""

    content: Markup
    caption: Markup
    interest: float = field(default=0.0)


class Panels:
    """Content that a task adds to the site."""

    assets: ClassVar[Mapping[str, str]] = {}
    """Scripts of the pages: name to package resource (`PACKAGE:PATH`)."""
    notes: ClassVar[tuple[Markup, ...]] = ()
    """Notes on reading the boards, one per list item."""
    clusters: ClassVar[str] = "clusters"
    """Plural name of the resampled clusters: volumes, patients, specimens."""
    lead: ClassVar[str] = ""
    """Question of the task in a few sentences, for the start page."""

    def figures(self, rows: Sequence[Row], chance: Row | None) -> list[Figure]:
        """Return figures for the page of a board."""
        return []

    def summary(self, rows: Sequence[Row], audit: BoardFindings | None) -> str:
        """Return a sentence for the header of a board page."""
        return ""

    def case_page(self, place: Place, audit: BoardFindings, records: Sequence[Record], methods: Sequence[str]) -> str | None:
        """Return the page with cases of a board; None if the audit has no cases."""
        return None

    def preview(self, audit: BoardFindings) -> Markup:
        """Return pictures of queries of a board under its conditions; empty if there are none."""
        return Markup("")

    def picture(self, place: Place, audit: BoardFindings) -> Picture | None:
        """Return a picture of a query of a board for the start page; None if there is none."""
        return None

    def failures(self, record: Record) -> Markup:
        """Return pictures of queries that a run answered incorrectly, for the method page."""
        return Markup("")

    def audit_figure(self, audits: Sequence[BoardFindings]) -> str:
        """Return plotly JSON for a dataset card; empty if there is nothing to draw."""
        return ""

    def trimmed(self, record: Record) -> Record | None:
        """Return a record reduced to the data for pages across boards; None if it is not needed."""
        return None

    def sections(self, results: Results) -> Markup:
        """Return sections of the start page, from trimmed records."""
        return Markup("")

    def links(self) -> tuple[Link, ...]:
        """Return links to the pages of the task, for the navigation bar."""
        return ()

    def pages(self, results: Results) -> Iterator[tuple[str, str]]:
        """Yield address and content of the pages of the task."""
        yield from ()
