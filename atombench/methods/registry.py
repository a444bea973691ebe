"""The table of methods: names, where they live, and what the workflow must know before it imports them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter

from atombench.errors import ConfigError, unknown_name
from atombench.methods.contract import Method
from atombench.schema import read_yaml, validated

DEFAULTS = Path("config/methods.yaml")


@dataclass(frozen=True)
class Entry:
    """One method.

    Attributes:
        module: dotted name of its file.
        cls: its class in that file.
        role: `control`, `search` or `network`.
        seeded: whether repetitions with other seeds differ; a method that is not seeded runs once.
        note: one sentence for the board.
    """

    module: str
    cls: str
    role: Literal["control", "search", "network"]
    seeded: bool
    note: str


METHODS: dict[str, Entry] = {
    "random": Entry(
        "atombench.methods.random_scores", "RandomScores", "control", True,
        "uniform random scores: the true chance level",
    ),
    "constant": Entry(
        "atombench.methods.constant", "Constant", "control", False,
        "the best fixed answer on the training labels; sees no pixel",
    ),
    "exhaustive": Entry(
        "atombench.methods.exhaustive", "Exhaustive", "search", False,
        "sum of squared differences at every position and orientation; learns nothing",
    ),
    "regismcan-released": Entry(
        "atombench.methods.regismcan_released", "RegisMcanReleased", "network", True,
        "the function of the released code; cannot see the volume",
    ),
    "regismcan": Entry(
        "atombench.methods.regismcan", "RegisMcan", "network", True,
        "as the paper's text describes: block tokens are scored",
    ),
}  # fmt: skip


def entry_of(name: str) -> Entry:
    """Look a method up.

    Raises:
        ConfigError: there is no such method; the nearest name is suggested.
    """
    if name not in METHODS:
        raise ConfigError(unknown_name("method", name, METHODS))
    return METHODS[name]


def build(name: str, options: Mapping[str, Any]) -> Method:
    """Import a method and build it with these options.

    Raises:
        ConfigError: the method or an option is unknown, or a value is not valid.
    """
    entry = entry_of(name)
    cls = getattr(import_module(entry.module), entry.cls)
    method: Method = cls(validated(TypeAdapter(cls.Options), dict(options), f"options of {name}"))
    return method


def device_for(name: str, asked: str) -> str:
    """Device on which a method runs; only networks use another than the CPU.

    Raises:
        ConfigError: the method is unknown, or the device is not there.
    """
    if entry_of(name).role != "network":
        return "cpu"
    networks = import_module("atombench.methods.network")  # by name: other methods' steps do not depend on it
    return str(networks.resolved_device(asked))


def default_options(path: Path = DEFAULTS) -> dict[str, dict[str, Any]]:
    """Options of every method as `config/methods.yaml` states them.

    Raises:
        ConfigError: the file names an unknown method or misses one.
    """
    adapter: TypeAdapter[dict[str, dict[str, Any]]] = TypeAdapter(dict[str, dict[str, Any]])
    stated = validated(adapter, read_yaml(path), str(path))
    for name in stated:
        entry_of(name)
    if missing := sorted(set(METHODS) - set(stated)):
        msg = f"{path} has no entry for {', '.join(missing)}"
        raise ConfigError(msg)
    return stated


def resolved_options(name: str, overrides: Mapping[str, Any], defaults: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Default options of a method with a run's overrides; keys and types are checked without importing the method.

    Raises:
        ConfigError: an override names no option (the nearest is suggested), or has another type than the default.
    """
    entry_of(name)
    options = dict(defaults[name])
    for key, value in overrides.items():
        if key not in options:
            raise ConfigError(unknown_name(f"option of {name}", key, options))
        expected = type(options[key])
        if not isinstance(value, (int, float) if expected is float else expected) or isinstance(value, bool) != (
            expected is bool
        ):
            msg = f"option {key} of {name} must be of type {expected.__name__}, got {value!r}"
            raise ConfigError(msg)
        options[key] = expected(value)
    return options
