"""Cost of a step: time and memory, with machine and library versions."""

from __future__ import annotations

import shlex
import sys
import time
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from atombench.provenance.code import git_state, host, peak_memory_mib, versions


class Cost(BaseModel):
    """Cost of a step, and where it ran.

    `seconds` and `attempts` include earlier attempts from which the step was resumed; other fields describe the last one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    seconds: float
    peak_memory_mib: float
    peak_gpu_memory_mib: float | None
    device: str
    threads: int
    host: dict[str, Any]
    versions: dict[str, str]
    command: str
    started: str
    commit: str
    dirty: bool | None
    attempts: int = 1

    def of_share(self, share: float) -> Cost:
        """Return the cost of a share of the work: the time in proportion, and the same memory."""
        return self.model_copy(update={"seconds": round(self.seconds * share, 3)})


class Meter:
    """Measures the cost of a step from the creation of the meter."""

    def __init__(self, device: str, threads: int) -> None:
        self.device, self.threads = device, threads
        self.started = datetime.now(UTC).isoformat(timespec="seconds")
        self._start = time.monotonic()

    def read(self, earlier_seconds: float = 0.0, attempts: int = 1) -> Cost:
        """Return the time since the start and the peak memory so far."""
        return Cost(
            seconds=round(earlier_seconds + time.monotonic() - self._start, 3),
            attempts=attempts,
            peak_memory_mib=peak_memory_mib(),
            peak_gpu_memory_mib=peak_gpu_memory_mib(self.device),
            device=self.device,
            threads=self.threads,
            host=host(),
            versions=versions(),
            command=shlex.join(["atombench", *sys.argv[1:]]),
            started=self.started,
            **git_state(),
        )


def peak_gpu_memory_mib(device: str) -> float | None:
    """Return the peak memory allocated by torch on a CUDA device, in MiB; None for other devices."""
    if not device.startswith("cuda"):
        return None
    import torch

    return round(torch.cuda.max_memory_allocated(device) / 2**20, 1)
