"""Pages and figures that only the task `atom` has."""

from __future__ import annotations

from atombench.tasks.atom.panels.panels import AtomPanels

PANELS = AtomPanels()

__all__ = ["PANELS"]
