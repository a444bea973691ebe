"""The table of methods: names, where they live, and what the workflow must know before it imports them.

It only dispatches, and does not count as code that a step uses: a new line does not repeat the training of other methods.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Entry:
    """One method.

    Attributes:
        module: dotted name of its file.
        cls: its class in that file.
        role: `control`, `search` or `network`.
        seeded: whether repetitions with other seeds differ; a method that is not seeded runs once.
        note: one sentence for the board.
    """

    module: str
    cls: str
    role: Literal["control", "search", "network"]
    seeded: bool
    note: str


METHODS: dict[str, Entry] = {
    "random": Entry(
        "atombench.methods.random_scores", "RandomScores", "control", True,
        "uniform random scores: the true chance level",
    ),
    "constant": Entry(
        "atombench.methods.constant", "Constant", "control", False,
        "the best fixed answer on the training labels; sees no pixel",
    ),
    "exhaustive": Entry(
        "atombench.methods.exhaustive", "Exhaustive", "search", False,
        "sum of squared differences at every position and orientation; learns nothing",
    ),
    "regismcan-released": Entry(
        "atombench.methods.regismcan_released", "RegisMcanReleased", "network", True,
        "the function of the released code; cannot see the volume",
    ),
    "regismcan": Entry(
        "atombench.methods.regismcan", "RegisMcan", "network", True,
        "as the paper's text describes: block tokens are scored",
    ),
}  # fmt: skip
