"""Errors that a user can act on: the command prints their one line and exits with status 1."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class AtomBenchError(Exception):
    """Base of all errors whose message is meant for the user."""

    exit_status = 1


class ConfigError(AtomBenchError):
    """A configuration file, key or option is not valid."""


class FetchError(AtomBenchError):
    """Source files could not be found, downloaded or verified."""


class DataError(AtomBenchError):
    """A file or array is not what the step expects."""


class TrainingError(AtomBenchError):
    """A training cannot go on (for example the loss became NaN)."""


class Interrupted(AtomBenchError):
    """The process was told to end and ended in good order; the exit status names the signal."""

    def __init__(self, message: str, exit_status: int) -> None:
        super().__init__(message)
        self.exit_status = exit_status


def unknown_name(what: str, name: object, valid: Iterable[str]) -> str:
    """Word the message for an unknown name, with the nearest valid one."""
    names = sorted(str(v) for v in valid)
    near = difflib.get_close_matches(str(name), names, n=1, cutoff=0.4)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"unknown {what} {name!r}{hint} (valid: {', '.join(names) or 'none'})"
