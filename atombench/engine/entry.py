"""Facts about a method that the workflow needs before it imports the method."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Role = Literal["control", "search", "classical", "network", "submission"]


@dataclass(frozen=True)
class Entry:
    """One method of a task.

    Attributes:
        module: dotted name of the module.
        cls: name of the class in the module.
        role: `control`, `search`, `classical`, `network` or `submission`.
        seeded: whether results depend on the seed; other methods run once.
        note: one sentence for the board.
        learned: whether it is a trained network, which may use a GPU and also answers queries with exchanged inputs.
        fitted: whether it uses training data without being a network.
        oracle: whether it receives labels of test queries.
        required: whether every board includes it.
        exchanged: whether it answers queries with exchanged inputs although it is no network.
    """

    module: str
    cls: str
    role: Role
    seeded: bool
    note: str
    learned: bool = False
    fitted: bool = False
    oracle: bool = False
    required: bool = False
    exchanged: bool = False

    def is_seeded(self, options: Mapping[str, Any]) -> bool:
        """Return whether results depend on the seed with these options; published weights are the same for all seeds."""
        return self.seeded and not options.get("published", False)

    @property
    def needs_training(self) -> bool:
        """Whether a dataset without training volumes takes its weights from another dataset."""
        return self.learned or self.fitted

    @property
    def answers_exchanges(self) -> bool:
        """Whether it also answers queries with exchanged inputs."""
        return self.learned or self.exchanged


Methods = Mapping[str, Entry]
