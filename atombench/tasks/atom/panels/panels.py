"""What `atom` adds to the site; see `Panels`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

import numpy as np
from markupsafe import Markup

from atombench.audit.record import BoardFindings
from atombench.io.images import from_bytes
from atombench.pages.figure import Figure, line, make_axis, make_figure, percent_axis, safe
from atombench.pages.panels import Link, Panels, Picture, Results
from atombench.pages.place import Place
from atombench.pages.rendering import rendered
from atombench.pages.row import Row
from atombench.records.metric import STRICT
from atombench.records.record import Record
from atombench.tasks.atom.answers import FINE_DEPTHS
from atombench.tasks.atom.audit import cases_of, parts_of
from atombench.tasks.atom.panels.audit_figure import audit_figure
from atombench.tasks.atom.panels.case_page import case_page
from atombench.tasks.atom.panels.paper import paper_page
from atombench.tasks.atom.panels.pictures import case_picture
from atombench.tasks.atom.panels.transfer import transfers
from atombench.tasks.atom.panels.trimmed import trimmed
from atombench.tasks.atom.shown import Shown

HERE = "atombench.tasks.atom.panels"
CAPTION = Markup(
    'A test section of <a href="cases/{}.html">{}</a>, the volume that it was cut from, and its place in it; dashed, one of the'
    " boxes that are correct answers."
)


class AtomPanels(Panels):
    """Cases, recall curves, failures, transfer between organs, and the paper's tables."""

    assets: ClassVar[Mapping[str, str]] = {"viewer.js": f"{HERE}:assets/viewer.js"}
    clusters = "volumes"
    lead = (
        "Given a small 2D tissue section and the 3D image of the organ, a method says which of 729 overlapping boxes of the"
        " volume holds the section. At scale 1 a section has 4 × 4 pixels and a volume 20³ voxels."
    )
    notes = (
        Markup(
            "<b>Strict</b>: one score per box, without access to labels, over sections that have a correct box. Methods are"
            " ranked by it."
        ),
        Markup(
            "<b>Published</b>: the paper's accuracies, only for comparison with it. Its low-error accuracy uses the true label"
            " to choose which block to search, and is therefore called <i>oracle low@5</i>."
        ),
        Markup(
            "A clean section is an exact copy of voxels of the volume, so the task is a look-up; only degraded sections make it"
            " a real question."
        ),
    )

    def figures(self, rows: Sequence[Row], chance: Row | None) -> list[Figure]:
        """Return recall at 1, 5 and 10."""
        traces = []
        for number, row in enumerate([*rows, *([chance] if chance else [])]):
            known = [(k, row.numbers.get((STRICT, f"fine_recall@{k}"))) for k in FINE_DEPTHS]
            points = [(k, recall.value) for k, recall in known if recall is not None]
            hover = f"{safe(row.method)}: %{{y:.1%}} at k = %{{x}}"
            traces.append(line(row, number, [k for k, _ in points], [value for _, value in points], hover))
        axes = {
            "xaxis": make_axis("k, boxes that a method may name", type="log", tickvals=list(FINE_DEPTHS)),
            "yaxis": percent_axis("recall@k"),
        }
        head = ("recall", "Recall at k", "How often a correct box is among the k best.")
        return [make_figure(head, traces, axes)]

    def summary(self, rows: Sequence[Row], audit: BoardFindings | None) -> str:
        """Return how many sections have a correct coarse block."""
        if audit is None or not audit.own:
            return ""
        share = 100 * (1 - parts_of(audit)["test"].without_block)
        return f"{share:.1f} % of the test sections have a correct coarse block, the most that high@5 can reach."

    def case_page(self, place: Place, audit: BoardFindings, records: Sequence[Record], methods: Sequence[str]) -> str | None:
        """Return the page with cases of a board; None if its audit holds none."""
        cases = cases_of(audit)
        return case_page(place, cases, records, methods) if cases else None

    def picture(self, place: Place, audit: BoardFindings) -> Picture | None:
        """Return the case whose section shows most."""
        cases = cases_of(audit)
        if not cases:
            return None
        interest = {case.section: float(np.std(from_bytes(case.pixels))) for case in cases}
        case = max(cases, key=lambda some: interest[some.section])
        return Picture(case_picture(case), CAPTION.format(place.slug, place.title), interest[case.section])

    def preview(self, audit: BoardFindings) -> Markup:
        """Return the contact sheet of a board's test sections under the conditions."""
        sheet = audit.pictures.get("preview", "")
        return Markup(rendered(HERE, "preview.html.j2", sheet=sheet)) if sheet else Markup("")

    def failures(self, record: Record) -> Markup:
        """Return sections that a run located wrongly, as pictures."""
        failures = Shown.model_validate(record.own).failures
        return Markup(rendered(HERE, "failures.html.j2", failures=failures)) if failures else Markup("")

    def audit_figure(self, audits: Sequence[BoardFindings]) -> str:
        """Return where the sections of a dataset's boards are cut."""
        return audit_figure([audit for audit in audits if audit.own])

    def trimmed(self, record: Record) -> Record | None:
        """Return what the paper's tables and the transfer tables need of a record."""
        return trimmed(record)

    def sections(self, results: Results) -> Markup:
        """Return tables of methods that were trained on one organ and tested on another."""
        tables = transfers(results.records)
        return Markup(rendered(HERE, "transfer.html.j2", transfers=tables)) if tables else Markup("")

    def links(self) -> tuple[Link, ...]:
        """Return the link to the paper's tables."""
        return (("paper.html", "The paper’s tables"),)

    def pages(self, results: Results) -> Iterator[tuple[str, str]]:
        """Yield the paper's tables cell by cell."""
        yield "paper.html", paper_page(results)
