"""Number formatting, and the axis on which the primary metric of a board is drawn."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from atombench.records.metric import MetricSpec, Unit

LOWEST, HIGHEST = 3e-9, 3e12  # limits of the upper end of linear axes; values beyond are not credible
LOWEST_SHARE = 1e-3  # lower end of the logarithmic axis of shares; the upper end is 1
DECIMALS = {"number": 2, "mm": 2, "voxel": 2, "degree": 2, "percent": 2}
SIGNS = {"share": " %", "percent": " %", "mm": " mm", "voxel": " voxels", "degree": "°", "seconds": " s", "mebibytes": " MiB"}


def written(value: float, unit: Unit) -> str:
    """Format a number: shares in percent, counts with separators, very large numbers in scientific notation."""
    if unit == "share" and -10 < value < 10:  # the most frequent case
        return f"{100 * value:.1f}"
    shown = 100 * value if unit == "share" and abs(value) < 1e300 else value
    if (abs(shown) >= 1e7 and unit != "count") or abs(shown) >= 1e15:
        return f"{shown:.1e}"
    if unit in ("count", "mebibytes"):
        return f"{shown:,.0f}".replace(",", "\N{NARROW NO-BREAK SPACE}")
    return f"{shown:.{DECIMALS.get(unit, 1)}f}"


def with_unit(value: float, unit: Unit) -> str:
    """Format a number with its unit.

    >>> with_unit(0.25, "share"), with_unit(3.2, "mm")
    ('25.0 %', '3.20 mm')
    """
    return written(value, unit) + SIGNS.get(unit, "")


def _round_end(value: float) -> float:
    """Return the smallest axis end above a value whose third is 1, 2 or 5 times a power of ten."""
    if value <= 0:
        return 3.0
    value = min(max(value, LOWEST), HIGHEST)
    power = 10.0 ** math.floor(math.log10(value / 3))
    return next(3 * step * power for step in (1, 2, 5, 10, 20) if 3 * step * power >= value)


@dataclass(frozen=True)
class Axis:
    """Axis of the primary metric: logarithmic for shares, otherwise linear from 0.

    Attributes:
        unit: unit of the metric.
        highest: upper end of a linear axis.
    """

    unit: Unit
    highest: float = 1.0

    @staticmethod
    def of(spec: MetricSpec, values: Iterable[float]) -> Axis:
        """Choose the axis for the values of a board."""
        if spec.unit == "share":
            return Axis(spec.unit)
        return Axis(spec.unit, _round_end(max((value for value in values if math.isfinite(value)), default=0.0)))

    @property
    def logarithmic(self) -> bool:
        """Whether the axis is logarithmic; each third then spans a factor of ten."""
        return self.unit == "share"

    @property
    def labels(self) -> tuple[str, ...]:
        """Tick labels, at thirds of the length of the axis."""
        if self.logarithmic:
            return ("0.1", "1", "10", "100 %")
        return ("0", *(f"{third * self.highest / 3:.4g}" for third in (1, 2)), f"{self.highest:.4g}{SIGNS.get(self.unit, '')}")

    def place(self, value: float) -> float:
        """Return the position of a value on the axis, in percent of its length."""
        if self.logarithmic:
            return 100 * (1 - math.log10(min(max(value, LOWEST_SHARE), 1.0)) / math.log10(LOWEST_SHARE))
        return 100 * min(max(value / self.highest, 0.0), 1.0)
