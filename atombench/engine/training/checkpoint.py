"""Checkpoints: the state needed to resume a training, in one safetensors file that is replaced atomically.

A checkpoint is not a declared output of the workflow, because the workflow deletes the outputs of a step that did not finish.
It is bound to a digest of options, data and code; a checkpoint with another digest is ignored. Nothing is unpickled.
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
    """File with the state of one training, and the time of the last write.

    Attributes:
        path: the file.
        binding: digest of everything that the training depends on.
        every_seconds: minimum time between two writes.
        attempts: number of times this training was started or resumed, including this time.
        earlier_seconds: time spent by earlier attempts until their last write.
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
        """Whether the state should be written now."""
        return time.monotonic() - self._last >= self.every_seconds

    @property
    def seconds(self) -> float:
        """Time spent on this training, including earlier attempts."""
        return self.earlier_seconds + time.monotonic() - self._start

    def save(self, arrays: Arrays, state: Mapping[str, Any]) -> None:
        """Replace the file.

        Raises:
            DataError: the file cannot be written.
        """
        about = {"binding": self.binding, "attempts": self.attempts, "seconds": self.seconds, "state": dict(state)}
        save_tensors(self.path, arrays, {"checkpoint": json.dumps(about)})
        self._last = time.monotonic()

    def load(self) -> tuple[dict[str, NDArray[np.generic]], dict[str, Any]] | None:
        """Return the saved arrays and state; None if there is no usable checkpoint."""
        if not self.path.is_file():
            return None
        try:
            arrays, texts = load_tensors(self.path)
            about = json.loads(texts.get("checkpoint", "{}"))
        except (DataError, ValueError) as error:
            logger.warning("the checkpoint %s cannot be used (%s); the training starts from the beginning", self.path, error)
            return None
        if about.get("binding") != self.binding:
            logger.info(
                "the checkpoint %s belongs to other options, data or code; the training starts from the beginning", self.path
            )
            return None
        self.attempts, self.earlier_seconds = about["attempts"] + 1, about["seconds"]
        return arrays, about["state"]
