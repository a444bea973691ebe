"""Checkpoints: what a training needs to go on where it was, in one safetensors file that is replaced whole.

A checkpoint lies outside the outputs that a workflow declares, because a workflow removes those of a step that did not end.
It is bound to a digest of options, data and code: one that belongs to something else is not used. Nothing is unpickled.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from atombench.files import written_whole
from atombench.progress import logger

Arrays = Mapping[str, NDArray[np.generic]]


@dataclass
class Checkpoint:
    """Where the state of one training is kept, and when it was last.

    Attributes:
        path: the file.
        binding: digest of all that the training depends on.
        every_seconds: shortest time between two writes.
        attempts: how often this training was begun or taken up, this time included.
        earlier_seconds: what earlier attempts had spent when they last kept their state.
    """

    path: Path
    binding: str
    every_seconds: float = 60.0
    attempts: int = 1
    earlier_seconds: float = 0.0
    _start: float = field(default_factory=time.monotonic)
    _last: float = field(default_factory=time.monotonic)

    @property
    def due(self) -> bool:
        """Whether it is time to write."""
        return time.monotonic() - self._last >= self.every_seconds

    @property
    def seconds(self) -> float:
        """Time spent on this training, by earlier attempts too."""
        return self.earlier_seconds + time.monotonic() - self._start

    def save(self, arrays: Arrays, state: Mapping[str, Any]) -> None:
        """Replace the file.

        Raises:
            DataError: it cannot be written.
        """
        about = {"binding": self.binding, "attempts": self.attempts, "seconds": self.seconds, "state": dict(state)}
        with written_whole(self.path) as temporary:
            whole = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
            save_file(whole, temporary, metadata={"checkpoint": json.dumps(about)})
        self._last = time.monotonic()

    def load(self) -> tuple[dict[str, NDArray[np.generic]], dict[str, Any]] | None:
        """Arrays and state as they were kept; None if there are none, or none that can be used."""
        if not self.path.is_file():
            return None
        try:
            with safe_open(self.path, framework="numpy") as file:
                about = json.loads((file.metadata() or {}).get("checkpoint", "{}"))
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is not a mapping)
        except (OSError, SafetensorError, ValueError) as error:
            logger.warning("the checkpoint %s is damaged (%s); training begins anew", self.path, error)
            return None
        if about.get("binding") != self.binding:
            logger.info("the checkpoint %s belongs to other options, data or code; training begins anew", self.path)
            return None
        self.attempts, self.earlier_seconds = about["attempts"] + 1, about["seconds"]
        return arrays, about["state"]
