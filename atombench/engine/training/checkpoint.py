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

from atombench.errors import DataError
from atombench.io.tensors import Arrays, load_tensors, save_tensors
from atombench.progress import logger


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
        save_tensors(self.path, arrays, {"checkpoint": json.dumps(about)})
        self._last = time.monotonic()

    def load(self) -> tuple[dict[str, NDArray[np.generic]], dict[str, Any]] | None:
        """Arrays and state as they were kept; None if there are none, or none that can be used."""
        if not self.path.is_file():
            return None
        try:
            arrays, texts = load_tensors(self.path)
            about = json.loads(texts.get("checkpoint", "{}"))
        except (DataError, ValueError) as error:
            logger.warning("the checkpoint %s cannot be used (%s); training begins anew", self.path, error)
            return None
        if about.get("binding") != self.binding:
            logger.info("the checkpoint %s belongs to other options, data or code; training begins anew", self.path)
            return None
        self.attempts, self.earlier_seconds = about["attempts"] + 1, about["seconds"]
        return arrays, about["state"]
