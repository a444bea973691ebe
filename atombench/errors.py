"""Errors that a user can act on: the command prints their message in one line and exits with status 1."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class AtomBenchError(Exception):
    """Base class of all errors with a message for the user."""

    exit_status = 1


class ConfigError(AtomBenchError):
    """A configuration file, key or option is not valid."""


class FetchError(AtomBenchError):
    """Source files could not be found, downloaded or verified."""


class DataError(AtomBenchError):
    """A file or array does not have the expected content."""


class TrainingError(AtomBenchError):
    """A training cannot continue (for example, the loss became NaN)."""


class Interrupted(AtomBenchError):
    """The process received a signal and shut down cleanly; the exit status is 128 + the signal number."""

    def __init__(self, message: str, exit_status: int) -> None:
        super().__init__(message)
        self.exit_status = exit_status


def unknown_name(kind: str, name: object, valid: Iterable[str]) -> str:
    """Return the message for an unknown name, with the nearest valid name."""
    names = sorted(str(entry) for entry in valid)
    near = difflib.get_close_matches(str(name), names, n=1, cutoff=0.4)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"unknown {kind} {name!r}{hint} (valid: {', '.join(names) or 'none'})"
