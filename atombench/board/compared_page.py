"""Page that compares the methods of one board under all its conditions: scores, cost, searches, first failures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from markupsafe import Markup

from atombench.board.figures import condition_cost_figure
from atombench.pages.place import Place
from atombench.pages.rendering import rendered
from atombench.pages.row import Row
from atombench.records.metric import MetricSpec

HALF = 0.5  # a method begins to fail where fewer of its answers are right
SEARCH = "search"  # role


@dataclass(frozen=True)
class UnderCondition:
    """A board under one condition.

    Attributes:
        place: the setting.
        rows: its rows, with all facts.
        failures: pictures of failures, by method; empty where there are none.
    """

    place: Place
    rows: Sequence[Row]
    failures: Mapping[str, Markup]


@dataclass(frozen=True)
class MethodLine:
    """A method: its rows by condition, and where it begins to fail.

    Attributes:
        first: row under the first condition that has one.
        rows: rows by condition; None where it was not run or has no score.
        failing: the first setting under which fewer than half of its answers are right; None if there is none.
        pictures: failures there.
    """

    first: Row
    rows: Sequence[Row | None]
    failing: UnderCondition | None
    pictures: Markup

    @property
    def mean(self) -> float:
        """Mean score over the conditions that have one."""
        return fmean(row.primary.value for row in self.rows if row is not None and row.primary is not None)

    def seconds(self, name: str) -> float | None:
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
    lines = sorted(_lines(shown, spec), key=lambda line: line.mean, reverse=spec.higher_is_better)
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
    )


def _order(place: Place) -> tuple[bool, bool, str, int, str]:
    """Return the sort key of a condition: clean, then degradations by severity, then other contrasts."""
    setting = place.setting
    return not place.clean, not setting.severity, setting.degradation, setting.severity, setting.condition


def _lines(boards: Sequence[UnderCondition], spec: MetricSpec) -> list[MethodLine]:
    every = [{row.method: row for row in board.rows if row.primary is not None} for board in boards]
    lines = []
    for method in dict.fromkeys(name for rows in every for name in rows):
        rows = [of_condition.get(method) for of_condition in every]
        first = next(row for row in rows if row is not None)
        failing = None if first.status == "theory" else _failing(boards, rows, spec)
        pictures = failing.failures.get(method, Markup("")) if failing else Markup("")
        lines.append(MethodLine(first, rows, failing, pictures))
    return lines


def _failing(boards: Sequence[UnderCondition], rows: Sequence[Row | None], spec: MetricSpec) -> UnderCondition | None:
    """Return the first setting in which a method fails more often than not, for metrics that are shares."""
    if spec.unit != "share":
        return None
    pairs = zip(boards, rows, strict=True)
    return next((board for board, row in pairs if row is not None and row.primary and row.primary.value < HALF), None)


def _searches(rows: Sequence[Row], spec: MetricSpec) -> list[Row]:
    """Return the searches of a board, best first."""
    searches = [row for row in rows if row.role == SEARCH and row.primary is not None]
    return sorted(searches, key=lambda row: row.primary.value if row.primary else 0.0, reverse=spec.higher_is_better)
