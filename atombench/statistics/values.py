"""Values of one metric of one run for each query, before averaging."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Values:
    """Values of a metric for M queries.

    Attributes:
        protocol: protocol of the metric; see records/metric.py.
        metric: name of the metric.
        values: (M,), or (M, components) for a metric that is a sum of absolute values, such as the calibration error.
        counted: bool (M,), the queries that the metric covers.
        chance: (M,), expectation for random answers; None if it is undefined.
    """

    protocol: str
    metric: str
    values: NDArray[Any]
    counted: NDArray[np.bool_] = field(repr=False)
    chance: NDArray[np.float64] | None = field(default=None, repr=False)
