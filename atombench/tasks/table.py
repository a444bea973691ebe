"""The table of tasks. It only names modules, which are imported on demand, so that editing one task never reruns another."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from atombench.errors import ConfigError, DataError, unknown_name

if TYPE_CHECKING:
    from atombench.tasks.task import Task

DEFAULT = "atom"
TASKS: dict[str, str] = {
    "atom": "atombench.tasks.atom.task:ATOM",
}
PUBLIC: dict[str, str] = {
    "cut_sections": "atombench.tasks.atom.sections:cut_sections",
}
"""Functions of tasks that the package `atombench` exports."""


@cache
def find_task(name: str) -> Task:
    """Import a task.

    Raises:
        ConfigError: the task is unknown; the nearest name is suggested.
    """
    if name not in TASKS:
        raise ConfigError(unknown_name("task", name, TASKS))
    module, _, attribute = TASKS[name].partition(":")
    task: Task = getattr(import_module(module), attribute)
    return task


def protocol_version_of(name: str) -> str:
    """Return the protocol version of a task.

    Raises:
        DataError: the task is unknown.
    """
    if name not in TASKS:
        raise DataError(unknown_name("task", name, TASKS))
    return find_task(name).protocol
