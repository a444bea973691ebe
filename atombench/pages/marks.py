"""Marks beside the names of methods in tables, each with its meaning."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mark:
    """A mark of a row.

    Attributes:
        name: shown text, without spaces, so that tables can be filtered by it.
        meaning: one sentence.
        warning: whether readers should be cautious.
    """

    name: str
    meaning: str
    warning: bool = True


CONFIRMED = Mark("confirmed", "a maintainer scored the same submission on a secret board and found no lower score", False)
ONE_SEED = Mark("1-seed", "submitted with a single seed, so the spread between trainings is unknown")
EXTRA_DATA = Mark("extra-data", "trained on data beyond the training part of the board")
NO_CODE = Mark("no-code", "no code is published, so nobody can repeat the answers")
AT_CEILING = Mark(
    "at-ceiling",
    "no answer that depends only on the images can be better on these queries: check whether labels were used",
)
USES = {
    "uses": "the score falls by more than a tenth when this input is exchanged",
    "blind": "the score does not fall when this input is exchanged between cases, so the method does not use it",
    "undecided": "the interval of the fall when this input is exchanged includes both no fall and a fall by a tenth",
    "recites": "the score falls by more than half when the volumes and their labels move, so the method recites positions",
}


def same_answers(method: str) -> Mark:
    """Return the mark of a submission with the answers of another method."""
    return Mark("same-answers", f"gives the same answer as {method} to every query of this board")
