"""Page that compares the methods of one board under all its conditions: scores, cost, searches, first failures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from markupsafe import Markup

from atombench.board.columns import Column, cell
from atombench.board.figures import condition_cost_figure
from atombench.board.method_page import Failures
from atombench.pages.marks import Mark
from atombench.pages.place import Place
from atombench.pages.rendering import rendered
from atombench.pages.row import Row
from atombench.records.metric import MetricSpec

HALF = 0.5  # a method begins to fail where a smaller share of its answers is right
SEARCH = "search"  # role


@dataclass(frozen=True)
class UnderCondition:
    """A board under one condition.

    Attributes:
        place: the setting.
        rows: its rows, with all facts.
        failures: pictures of failures, or the reason for their absence, by method.
    """

    place: Place
    rows: Sequence[Row]
    failures: Mapping[str, Failures]


@dataclass(frozen=True)
class MethodLine:
    """A method: its rows by condition, and where it begins to fail.

    Attributes:
        rows: rows by condition; None where there is none.
        cells: table cells of the primary metric by condition.
        failing: the first setting under which fewer than half of its answers are right; None if there is none.
        failures: its failures there.
    """

    rows: Sequence[Row | None]
    cells: Sequence[Markup]
    failing: UnderCondition | None
    failures: Failures | None

    @property
    def first(self) -> Row:
        """Row under the first condition that has one."""
        return next(row for row in self.rows if row is not None)

    @property
    def missing(self) -> int:
        """Number of conditions without a score."""
        return sum(row is None or row.primary is None for row in self.rows)

    @property
    def mean(self) -> float:
        """Mean score over the conditions that have one."""
        return fmean(row.primary.value for row in self.rows if row is not None and row.primary is not None)

    @property
    def marks(self) -> Sequence[Mark]:
        """All marks that the method has under any condition."""
        return list({mark.name: mark for row in self.rows if row is not None for mark in row.marks}.values())

    def mean_fact(self, name: str) -> float | None:
        """Return the mean of a fact over the conditions that state it; None if none does."""
        known = [row.facts[name] for row in self.rows if row is not None and name in row.facts]
        return fmean(known) if known else None


def compared_page(boards: Sequence[UnderCondition], spec: MetricSpec, controls: Sequence[str], links: Mapping[str, str]) -> str:
    """Return the page as HTML.

    Args:
        boards: the board under each of its conditions.
        spec: the primary metric.
        controls: methods expected on every board.
        links: addresses of method pages, relative to their folder.
    """
    shown = sorted(boards, key=lambda board: _order(board.place))
    sign = -1 if spec.higher_is_better else 1
    lines = sorted(_lines(shown, spec), key=lambda line: (line.missing, sign * line.mean))
    return rendered(
        "atombench.board",
        "compared.html.j2",
        root="../",
        boards=shown,
        place=shown[0].place,
        lines=lines,
        spec=spec,
        links=links,
        searches=[(board.place, searches) for board in shown if len(searches := _searches(board.rows, spec)) > 1],
        figure=condition_cost_figure([(board.place.setting.condition, board.rows) for board in shown], spec, controls),
        shares=_counts_right_answers(spec),
    )


def _order(place: Place) -> tuple[bool, bool, str, int, str]:
    """Return the sort key of a condition: clean, then degradations by severity, then other contrasts."""
    setting = place.setting
    return not place.clean, not setting.severity, setting.degradation, setting.severity, setting.condition


def _counts_right_answers(spec: MetricSpec) -> bool:
    """Return whether a metric is the share of answers that are right."""
    return spec.unit == "share" and spec.higher_is_better


def _lines(boards: Sequence[UnderCondition], spec: MetricSpec) -> list[MethodLine]:
    every = [{row.key: row for row in board.rows} for board in boards]
    scored = dict.fromkeys(key for rows in every for key, row in rows.items() if row.primary is not None)
    lines = []
    for key in scored:
        rows = [of_condition.get(key) for of_condition in every]
        failing = _failing(boards, rows, spec)
        failures = failing.failures.get(key) if failing else None
        lines.append(MethodLine(rows, [_cell(row, spec) for row in rows], failing, failures))
    return lines


def _cell(row: Row | None, spec: MetricSpec) -> Markup:
    if row is not None:
        return cell(row, Column.of(spec))
    last = "-1e99" if spec.higher_is_better else "1e99"
    return Markup('<td class="none" data-order="{}" title="not run under this condition">–</td>').format(last)


def _failing(boards: Sequence[UnderCondition], rows: Sequence[Row | None], spec: MetricSpec) -> UnderCondition | None:
    """Return the first setting in which a method fails more often than not; None for chance levels."""
    if not _counts_right_answers(spec):
        return None
    pairs = [
        (board, row.primary) for board, row in zip(boards, rows, strict=True) if row is not None and row.status != "theory"
    ]
    return next((board for board, number in pairs if number is not None and number.value < HALF), None)


def _searches(rows: Sequence[Row], spec: MetricSpec) -> list[Row]:
    """Return the searches of a board, best first."""
    searches = [row for row in rows if row.role == SEARCH and row.primary is not None]
    return sorted(searches, key=lambda row: row.primary.value if row.primary else 0.0, reverse=spec.higher_is_better)
