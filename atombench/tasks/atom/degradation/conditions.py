"""Conditions of `atom`: all steps of degradation together at a severity, or one of them alone."""

from __future__ import annotations

from atombench.errors import ConfigError, unknown_name
from atombench.records.board import CLEAN
from atombench.tasks.atom.degradation.step import SEVERITIES

STEPS = (
    *("tear", "fold", "rotation", "field", "compression", "shrinkage", "tilt"),
    *("contrast", "stain", "missing", "noise", "blur"),
)
"""Names of all steps in the order of their application: from the image back to the plane, then intensities, then the volume."""
HISTOLOGY = "histology"
DAMAGED = tuple(f"{name}-{severity}" for name in (HISTOLOGY, *STEPS) for severity in SEVERITIES)
CONDITIONS = (CLEAN, *DAMAGED)


def parse(condition: str) -> tuple[tuple[str, ...], int]:
    """Return the steps of a condition and its severity; none and 0 if it is clean.

    Raises:
        ConfigError: the condition is unknown; the nearest is suggested.

    >>> parse("tear-3")
    (('tear',), 3)
    """
    if condition not in CONDITIONS:
        raise ConfigError(unknown_name("condition of atom", condition, CONDITIONS))
    if condition == CLEAN:
        return (), 0
    name, _, severity = condition.rpartition("-")
    return (STEPS if name == HISTOLOGY else (name,)), int(severity)
