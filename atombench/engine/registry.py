"""Looking methods up, building them, and resolving their options."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from atombench.engine.contract import Method
from atombench.engine.external import external_entry, external_options, folder_digest
from atombench.engine.method_name import MethodName
from atombench.errors import ConfigError, unknown_name
from atombench.io.paths import METHOD_OPTIONS
from atombench.io.schema import read_yaml, validated
from atombench.provenance.code import code_digest
from atombench.tasks.atom.methods.table import METHODS, Entry


def entry_of(name: str) -> Entry:
    """Look a method up by its label (see label.py).

    Raises:
        ConfigError: there is no such method; the nearest name is suggested.
    """
    base = MethodName.read(name).name
    entry = METHODS.get(base) or external_entry(base)
    if entry is None:
        raise ConfigError(unknown_name("method", base, METHODS))
    return entry


def is_external(name: str) -> bool:
    """Whether a label is of a submitted method or predictions."""
    return MethodName.read(name).name not in METHODS


def code_of(name: str, *commands: str) -> str:
    """Digest of the code that sub-commands use for a method: the package's, and for a submitted one also its folder's.

    Raises:
        ConfigError: the method is unknown.
    """
    entry = entry_of(name)
    if is_external(name):
        both = code_digest(*commands, "atombench.engine.sandbox.child") + folder_digest(MethodName.read(name).name)
        return hashlib.sha256(both.encode()).hexdigest()
    return code_digest(*commands, entry.module)


def build(name: str, options: Mapping[str, Any]) -> Method:
    """Import a method and build it with these options.

    Raises:
        ConfigError: the method or an option is unknown, or a value is not valid.
    """
    entry = entry_of(name)
    if is_external(name):
        sandbox = import_module("atombench.engine.sandbox.parent")  # by name: the platform's own methods do not depend on it
        boxed: Method = sandbox.SandboxedMethod(MethodName.read(name).name, dict(options))
        return boxed
    cls = getattr(import_module(entry.module), entry.cls)
    method: Method = cls(validated(TypeAdapter(cls.Options), dict(options), f"options of {name}"))
    return method


def confined(method: Method) -> dict[str, Any]:
    """What a submitted method is kept from here, as a fact for the record; nothing for the platform's own."""
    found = getattr(method, "confinement", None)
    return {} if found is None else {"sandbox": found}


def device_for(name: str, asked: str) -> str:
    """Device on which a method runs; only what is learned uses another than the CPU.

    Raises:
        ConfigError: the method is unknown, or the device is not there.
    """
    if not entry_of(name).learned:
        return "cpu"
    devices = import_module("atombench.engine.training.device")  # by name: other methods' steps do not depend on it
    return str(devices.resolved_device(asked))


def default_options(path: Path = METHOD_OPTIONS) -> dict[str, dict[str, Any]]:
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
    if is_external(name):
        return external_options(MethodName.read(name).name, dict(overrides))
    options = dict(defaults[MethodName.read(name).name])
    for key, value in overrides.items():
        if key not in options:
            raise ConfigError(unknown_name(f"option of {name}", key, options))
        expected = type(options[key])
        if not isinstance(value, (int, float) if expected is float else expected) or isinstance(value, bool) != (
            expected is bool
        ):
            hint = " (YAML reads 1e-3 as text; write 1.0e-3)" if expected is float and isinstance(value, str) else ""
            msg = f"option {key} of {name} must be of type {expected.__name__}, got {value!r}{hint}"
            raise ConfigError(msg)
        options[key] = expected(value)
    return options
