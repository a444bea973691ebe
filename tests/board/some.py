"""Records of a few runs on two boards."""

from __future__ import annotations

from atombench.records.record import Record
from tests.records.made import example

HARD = "boards/atom-toy-hard-none-x1.html"
EASY = "boards/atom-toy-easy-none-x1.html"


def several() -> list[Record]:
    """Return records of a control and a network with two seeds on one board, and of the control on another."""
    return [
        example("constant"),
        example("regismcan", 1, 0.5, role="network"),
        example("regismcan", 2, 0.6, role="network"),
        example("constant", gathering="easy"),
    ]


def failed(method: str, seed: int = 1, reason: str = "the loss became nan") -> Record:
    """Return the record of a failed run of a network."""
    return example(method, seed, role="network", status="failed", reason=reason, metrics=[])
