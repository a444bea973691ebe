"""Failures of methods: they fail one run, with a reason, instead of the whole workflow.

A training with a loss of NaN, with too little GPU memory, or with an error in its code would fail again. The step therefore
succeeds, its files state the reason, and the record is that of a failed run. Other errors (a full disk, a signal, damaged
input files, a broken GPU) are not caused by the method: the step fails, and the workflow may repeat it.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from atombench.errors import AtomBenchError, TrainingError
from atombench.io.text import one_line
from atombench.progress import logger

LONGEST_REASON = 500
MAX_FOREIGN_SHARE = 0.1  # of the memory of a GPU, used by other processes and the driver


class MethodFailure(Exception):
    """A method failed through its own fault; the message is the reason, on one line without control characters."""

    def __init__(self, reason: str) -> None:
        super().__init__(one_line(reason, LONGEST_REASON))


@contextmanager
def own_faults(activity: str) -> Iterator[None]:
    """Turn errors caused by a method into `MethodFailure`; let all other errors pass.

    Args:
        activity: what the method does, such as `training`; the reason begins with it.

    Raises:
        MethodFailure: the method caused an error.
    """
    try:
        yield
    except (MethodFailure, OSError, MemoryError):
        raise  # host memory: the workflow repeats the step with more
    except TrainingError as error:
        raise _failure(activity, str(error)) from error
    except AtomBenchError:
        raise
    except Exception as error:
        if type(error).__name__ == "AcceleratorError":
            raise  # the device itself failed
        first_line = (str(error).splitlines() or [""])[0]
        if "CPUAllocator" in first_line or "can't allocate memory" in first_line:
            raise MemoryError(first_line) from error
        logger.error("%s failed:\n%s", activity, _readable_traceback())
        kind = "out of GPU memory" if "out of memory" in first_line else type(error).__name__
        if kind != type(error).__name__ and _gpu_used_by_others():
            raise MemoryError("other processes use the memory of the GPU") from error
        raise _failure(activity, f"{kind}: {first_line}") from error


def _readable_traceback() -> str:
    """Return the traceback of the current exception; its message may hold any characters."""
    return "\n".join(one_line(line, LONGEST_REASON) if line.strip() else "" for line in traceback.format_exc().splitlines())


def _gpu_used_by_others() -> bool:
    torch: Any = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return False
    free, total = torch.cuda.mem_get_info()
    return bool(total - free - torch.cuda.memory_reserved() > MAX_FOREIGN_SHARE * total)


def _failure(activity: str, reason: str) -> MethodFailure:
    return MethodFailure(f"{activity}: {reason}")
