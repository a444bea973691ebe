"""A row of a board: a method with its results and metadata."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from atombench.pages.marks import Mark
from atombench.records.metric import Key
from atombench.records.record import Origin
from atombench.records.verdicts import Verdict
from atombench.statistics.comparison import Standing

CHANCE = "chance"
Status = Literal["complete", "incomplete", "failed", "theory"]


@dataclass(frozen=True)
class Number:
    """A value with its 95 % interval (None for theory), and the number of clusters and queries."""

    value: float
    low: float | None
    high: float | None
    clusters: int
    queries: int


@dataclass(frozen=True)
class Row:
    """A method on a board.

    Attributes:
        status: `incomplete` if some seeds failed or were lost, `failed` if all did; `theory` for the chance level.
        ranked: key of the primary metric.
        reasons: reasons of failed runs.
        numbers: mean over seeds, by protocol and metric.
        standing: rank and tie group; None unless the method is complete and ranked.
        marks: marks beside its name.
        verdicts: whether it uses its inputs.
        facts: parameters, seconds and MiB; unknown values are absent.
        newest: start time of the newest run; empty if unknown.
        card: card of a submitted method.
    """

    method: str
    role: str
    origin: Origin
    status: Status
    ranked: Key
    note: str
    seeds: list[int]
    reasons: list[str]
    numbers: Mapping[Key, Number]
    standing: Standing | None
    marks: Sequence[Mark]
    verdicts: Sequence[Verdict]
    facts: Mapping[str, float]
    newest: str
    card: Mapping[str, Any]

    @property
    def key(self) -> str:
        """Identity of the row on its board: the name of the method, or one that no method can have."""
        return f"theory: {self.method}" if self.status == "theory" else self.method

    @property
    def primary(self) -> Number | None:
        """Value of the primary metric; None if there is none."""
        return self.numbers.get(self.ranked)

    def short(self) -> Row:
        """Return the row reduced to its primary metric and parameter count, for pages across boards."""
        numbers = {self.ranked: self.numbers[self.ranked]} if self.ranked in self.numbers else {}
        return replace(self, numbers=numbers, facts={name: fact for name, fact in self.facts.items() if name == "parameters"})
