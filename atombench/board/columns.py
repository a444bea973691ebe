"""Columns of the table of a board: metrics of the task, then the cost of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from atombench.pages.axis import Axis, with_unit, written
from atombench.pages.row import Number, Row
from atombench.records.metric import Key, MetricSpec, Unit, is_exchange
from atombench.statistics.bootstrap import Estimate

NOT_MEASURED = "unknown: not run here, or not reported by the run"


@dataclass(frozen=True)
class Column:
    """A column of the table.

    Attributes:
        key: identifier in the address of the page.
        heading: text of the column header.
        source: protocol and metric, or the name of a fact.
        unit: unit of the values, which determines their format.
        meaning: one sentence for the reader.
        absent: reason why a complete method may have no value.
        falling: whether higher is better, so that sorting starts with the highest value.
        shown: whether the column is visible by default.
    """

    key: str
    heading: str
    source: Key | str
    unit: Unit
    meaning: str
    absent: str
    falling: bool
    shown: bool = False

    @staticmethod
    def of(spec: MetricSpec) -> Column:
        """Return the column of a metric."""
        falling = spec.higher_is_better
        return Column(spec.address, spec.heading, spec.key, spec.unit, spec.meaning, spec.why_absent, falling, spec.shown)


COSTS = (
    Column("parameters", "parameters", "parameters", "count", "number of learned parameters", NOT_MEASURED, False, True),
    Column("train", "train, s", "train_seconds", "seconds", "training time in seconds, mean over seeds", NOT_MEASURED, False),
    Column(
        "predict",
        "predict, s",
        "predict_seconds",
        "seconds",
        "time to answer all test queries in seconds, mean over seeds",
        NOT_MEASURED,
        False,
    ),
    Column(
        "gpu",
        "GPU, MiB",
        "peak_gpu_mib",
        "mebibytes",
        "peak GPU memory of a step, mean over seeds",
        "no GPU was used, or the run did not report it",
        False,
    ),
    Column("memory", "memory, MiB", "peak_mib", "mebibytes", "peak memory of a step, mean over seeds", NOT_MEASURED, False),
)


def columns_of(specs: Sequence[MetricSpec], primary: Key) -> list[Column]:
    """Return all columns of a task's boards; of exchanged inputs only those of the primary metric (results.csv has all)."""
    chosen = (spec for spec in specs if spec.name == primary[1] or not is_exchange(spec.protocol))
    return [*(Column.of(spec) for spec in chosen), *COSTS]


def cell(row: Row, column: Column) -> Markup:
    """Return a table cell: value, interval and exact sort key; a blank cell states the reason."""
    number = row.numbers.get(column.source) if isinstance(column.source, tuple) else _fact(row, column.source)
    if number is None:
        last = "-1e99" if column.falling else "1e99"  # blank cells are sorted last
        return Markup(f'<td class="none" data-order="{last}" title="{escape(_absence(row, column))}">–</td>')
    return Markup(
        f'<td data-order="{number.value!r}">{with_interval(number, column.unit)}</td>'
    )  # only numbers, so no escaping is needed


def with_interval(number: Number | Estimate, unit: Unit) -> str:
    """Return a number with its interval below, as HTML."""
    if number.low is None or number.high is None:
        return written(number.value, unit)
    return f"{written(number.value, unit)} <small>{written(number.low, unit)}–{written(number.high, unit)}</small>"


def shared(specs: Sequence[MetricSpec], axes: Sequence[Axis]) -> tuple[str, tuple[str, ...]]:
    """Return heading and axis labels of a column across boards, which may have different primary metrics."""
    headings, labels = {spec.heading for spec in specs}, {axis.labels for axis in axes}
    return (
        headings.pop() if len(headings) == 1 else "primary metric",
        labels.pop() if len(labels) == 1 else ("one axis per board",),
    )


def named_cell(row: Row, spec: MetricSpec, heading: str) -> Markup:
    """Return the cell of the primary metric; add the name of the metric if it differs from the heading."""
    column = Column.of(spec)
    content = cell(row, column)
    if heading == column.heading or row.primary is None:
        return content
    return content.removesuffix("</td>") + Markup(' <span class="small">{}</span></td>').format(column.heading)


def _fact(row: Row, name: str) -> Number | None:
    return Number(row.facts[name], None, None, 0, 0) if name in row.facts else None


def _absence(row: Row, column: Column) -> str:
    if row.status == "theory":
        return "the theoretical level is unknown"
    if row.status == "failed":
        return "every run failed"
    return column.absent


def whisker(row: Row, axis: Axis) -> Markup:
    """Return the cell of the primary metric as a dot with its interval; the style sheet draws it from percentages."""
    number = row.primary
    if number is None:
        return Markup('<td class="none">–</td>')
    positions = [axis.place(number.value)]
    if number.low is not None and number.high is not None:
        positions += [axis.place(number.low), axis.place(number.high)]
    style = ";".join(f"--{name}:{position:.1f}" for name, position in zip("vlh", positions, strict=False))
    text = with_unit(number.value, axis.unit)
    return Markup(f'<td class="whisker"><i style="{style}" role="img" aria-label="{text}"></i></td>')


def axis_of(spec: MetricSpec, rows: Sequence[Row]) -> Axis:
    """Return the axis of the primary metric for the rows of a board."""
    numbers = [row.primary for row in rows if row.primary]
    return Axis.of(spec, [number.value if number.high is None else number.high for number in numbers])
