"""Specification of a metric, for tables, figures and comparisons."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

STRICT, PUBLISHED = "strict", "published"
SWAP, SHIFT = "-swap", "shift"  # end of the protocols of swapped inputs, and the protocol of moved ones
OWN = "own_"  # begins the name of a metric of the true queries about which an exchange asks, for comparison
Unit = Literal["share", "number", "mm", "voxel", "degree", "percent", "seconds", "count", "mebibytes"]
Statistic = Literal["mean", "median"]
Key = tuple[str, str]
"""Protocol and metric."""


@dataclass(frozen=True)
class MetricSpec:
    """One metric of a task under one protocol.

    Attributes:
        protocol: `strict`, `published`, or the name of an exchange such as `volume-swap`.
        name: unique within its protocol; used in records and results.csv.
        unit: unit of the values; a `share` is shown in percent.
        heading: heading of its column.
        meaning: one sentence for the reader.
        higher_is_better: direction for sorting, for ranks, and for the effect of exchanged inputs.
        has_chance: whether it has a theoretical chance level.
        statistic: how the values of queries are aggregated: `mean` or `median`.
        why_absent: reason why a complete run may not have it.
        shown: whether its column is visible by default.
        column: name of its column in the address of the page; derived from its name if empty.
    """

    protocol: str
    name: str
    unit: Unit
    heading: str
    meaning: str
    higher_is_better: bool = True
    has_chance: bool = False
    statistic: Statistic = "mean"
    why_absent: str = "this method has no such number"
    shown: bool = True
    column: str = ""

    @property
    def key(self) -> Key:
        """Protocol and name."""
        return (self.protocol, self.name)

    @property
    def address(self) -> str:
        """Name of its column in the address of the page."""
        plain = self.name if self.protocol == STRICT else f"{self.protocol}-{self.name}"
        return self.column or re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")


def exchange_protocol(name: str) -> str:
    """Return the protocol under which answers to cases with a swapped input are scored.

    >>> exchange_protocol("volume")
    'volume-swap'
    """
    return f"{name}{SWAP}"


def is_exchange(protocol: str) -> bool:
    """Return whether answers to exchanged cases are scored under a protocol.

    >>> is_exchange("volume-swap"), is_exchange("strict")
    (True, False)
    """
    return protocol == SHIFT or protocol.endswith(SWAP)
