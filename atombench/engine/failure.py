"""A method's own faults: they end a run with a reason instead of ending the workflow.

A training whose loss becomes NaN, that asks for more memory than the GPU has, or whose code raises an error would do so
again. The step then ends well, its files say why there is no result, and the record is one of a failed run. What the method
cannot help (a full disk, a signal, damaged input files, a broken GPU) is no fault of it: the step fails, and the workflow
may try again.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from atombench.errors import AtomBenchError, TrainingError
from atombench.progress import logger

LONGEST_REASON = 500
OTHERS_SHARE = 0.1  # of a GPU's memory, held by others than this process and its driver


class MethodFailure(Exception):
    """A method failed by its own fault; the text is the reason."""


@contextmanager
def own_faults(doing: str) -> Iterator[None]:
    """Turn what a method is to blame for into `MethodFailure`; let everything else pass.

    Raises:
        MethodFailure: the method is to blame.
    """
    try:
        yield
    except (MethodFailure, OSError, MemoryError):
        raise  # memory of the host: the workflow tries again with more of it
    except TrainingError as error:
        raise _failure(doing, str(error)) from error
    except AtomBenchError:
        raise
    except Exception as error:
        if type(error).__name__ == "AcceleratorError":
            raise  # the device itself is in trouble
        first_line = (str(error).splitlines() or [""])[0]
        if "CPUAllocator" in first_line or "can't allocate memory" in first_line:
            raise MemoryError(first_line) from error
        logger.exception("%s failed", doing)
        kind = "out of GPU memory" if "out of memory" in first_line else type(error).__name__
        if kind != type(error).__name__ and _others_hold_the_gpu():
            raise MemoryError("other processes hold the GPU's memory") from error
        raise _failure(doing, f"{kind}: {first_line}") from error


def _others_hold_the_gpu() -> bool:
    torch: Any = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return False
    free, total = torch.cuda.mem_get_info()
    return bool(total - free - torch.cuda.memory_reserved() > OTHERS_SHARE * total)


def _failure(doing: str, reason: str) -> MethodFailure:
    text = f"{doing}: {' '.join(reason.split())}"
    return MethodFailure(text if len(text) <= LONGEST_REASON else text[: LONGEST_REASON - 1] + "…")
