"""Ranking of the methods of a board by the primary metric."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import pandas as pd

from atombench.records.metric import MetricSpec
from atombench.records.record import Record
from atombench.records.verdicts import complete_samples
from atombench.statistics.comparison import Comparison, Standing, compare

COLUMNS = ["board", "first", "second", "difference", "ci_low", "ci_high", "p", "p_holm", "distinct"]


def rank(
    records: Sequence[Record], spec: MetricSpec, references: Collection[str] = ()
) -> tuple[list[Comparison], dict[str, Standing]]:
    """Compare the complete methods of one board; a method with a failed run is not ranked.

    Args:
        records: records of the board.
        spec: the primary metric.
        references: methods with which all others are compared.
    """
    return compare(complete_samples(records, spec.protocol, spec.name), spec.higher_is_better, references)


def comparison_table(board: str, pairs: Sequence[Comparison]) -> pd.DataFrame:
    """Return the pairwise comparisons of one board as a long table."""
    rows = [
        [board, pair.first, pair.second, pair.difference, pair.low, pair.high, pair.p, pair.p_holm, pair.distinct]
        for pair in pairs
    ]
    return pd.DataFrame(rows, columns=COLUMNS)
