"""Conditions of `atom`: all steps of degradation at a severity, one of them alone, or sections of another contrast."""

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
SOURCE = "from-"
CONTRASTS = ("t1c", "t2", "pd", "flair", "ct")
"""Contrasts that sections may be cut from while the volume is searched in its own; a dataset has some of them, or none."""
CONDITIONS = (CLEAN, *DAMAGED, *(f"{SOURCE}{contrast}" for contrast in CONTRASTS))


def parse(condition: str) -> tuple[tuple[str, ...], int]:
    """Return the steps of a condition and its severity; none and 0 if its sections are not damaged.

    Raises:
        ConfigError: the condition is unknown; the nearest is suggested.

    >>> parse("tear-3")
    (('tear',), 3)
    """
    if condition not in CONDITIONS:
        raise ConfigError(unknown_name("condition of atom", condition, CONDITIONS))
    if condition not in DAMAGED:
        return (), 0
    name, _, severity = condition.rpartition("-")
    return (STEPS if name == HISTOLOGY else (name,)), int(severity)


def contrast_of(condition: str) -> str:
    """Return the contrast that the sections of a condition are cut from; empty if it is that of the volume.

    >>> contrast_of("from-t2"), contrast_of("histology-3")
    ('t2', '')
    """
    return condition.removeprefix(SOURCE) if condition.startswith(SOURCE) else ""
