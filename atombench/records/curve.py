"""The training curve in a record: a limited number of rows with finite numbers."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np

from atombench.errors import DataError

ROWS = 64


def read_curve(path: Path) -> list[dict[str, float]]:
    """Read a training curve (JSON lines) without non-finite values, thinned to at most `ROWS` rows with the first and the last.

    Raises:
        DataError: the file is missing, or a line is not an object of numbers.
    """
    try:
        rows = [_finite(json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]
    except OSError as error:
        msg = f"cannot read {path}: {error.strerror or error}"
        raise DataError(msg) from error
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        msg = f"{path} is not a training curve of JSON lines ({error}); delete it and train again"
        raise DataError(msg) from error
    kept = np.rint(np.linspace(0, len(rows) - 1, min(len(rows), ROWS))).astype(int)
    return [rows[row] for row in kept]


def _finite(row: dict[str, float]) -> dict[str, float]:
    return {name: float(value) for name, value in row.items() if math.isfinite(value)}
