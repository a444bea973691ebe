"""Registry of the methods of a task: look up and build methods, and resolve their options."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from atombench.engine.answers import Field
from atombench.engine.contract import Method, OptionValues
from atombench.engine.entry import Entry, Methods
from atombench.engine.external import external_entry, external_options, folder_digest
from atombench.engine.method_name import MethodName
from atombench.errors import ConfigError, unknown_name
from atombench.io.paths import METHOD_OPTIONS, shipped
from atombench.io.schema import read_yaml, validated
from atombench.provenance.code import code_digest

_DEFAULTS: TypeAdapter[dict[str, dict[str, dict[str, Any]]]] = TypeAdapter(dict[str, dict[str, dict[str, Any]]])


@dataclass(frozen=True)
class Registry:
    """Methods of one task, built in and submitted.

    Attributes:
        task: name of the task.
        methods: the built-in methods.
        fields: fields of the answers.
    """

    task: str
    methods: Methods
    fields: tuple[Field, ...]

    @property
    def controls(self) -> tuple[str, ...]:
        """Names of the methods that every board includes."""
        return tuple(name for name, entry in self.methods.items() if entry.required)

    def entry(self, name: str) -> Entry:
        """Return the entry of a method.

        Raises:
            ConfigError: the method is unknown; the nearest name is suggested.
        """
        base = MethodName.read(name).name
        entry = self.methods.get(base) or external_entry(base, self.task)
        if entry is None:
            raise ConfigError(unknown_name(f"method of {self.task}", base, self.methods))
        return entry

    def is_external(self, name: str) -> bool:
        """Return whether a name belongs to a submission (a method or predictions)."""
        return MethodName.read(name).name not in self.methods

    def note(self, name: str) -> str:
        """Return the note on a method in the table; empty for submissions, which have cards."""
        try:
            parts = MethodName.read(name)
        except ConfigError:
            return ""
        note = self.methods[parts.name].note if parts.name in self.methods else ""
        note = f"variant {parts.variant}: {note}" if parts.variant else note
        return f"trained on {parts.source}: {note}" if parts.source else note

    def code(self, name: str, *modules: str) -> str:
        """Return the digest of the given modules and of the code of a method (for a submission, of its folder).

        Raises:
            ConfigError: the method is unknown.
        """
        entry = self.entry(name)
        if self.is_external(name):
            digests = code_digest(*modules, "atombench.engine.sandbox.child") + folder_digest(MethodName.read(name).name)
            return hashlib.sha256(digests.encode()).hexdigest()
        return code_digest(*modules, entry.module)

    def build(self, name: str, options: OptionValues) -> Method:
        """Import a method and build it with the given options.

        Raises:
            ConfigError: the method or an option is unknown, or a value is not valid.
        """
        entry = self.entry(name)
        if self.is_external(name):
            sandbox = import_module("atombench.engine.sandbox.parent")  # by name: built-in methods do not depend on it
            sandboxed: Method = sandbox.SandboxedMethod(MethodName.read(name).name, dict(options), self.fields)
            return sandboxed
        cls = getattr(import_module(entry.module), entry.cls)
        method: Method = cls(validated(TypeAdapter(cls.Options), dict(options), f"options of {name}"))
        return method

    def device(self, name: str, requested: str) -> str:
        """Return the device on which a method runs; methods that are not learned always use the CPU.

        Raises:
            ConfigError: the method is unknown, or the device is not available.
        """
        if not self.entry(name).learned:
            return "cpu"
        devices = import_module("atombench.engine.training.device")  # by name: methods that do not train do not depend on it
        return str(devices.resolved_device(requested))

    def defaults(self, path: Path | None = None) -> dict[str, dict[str, Any]]:
        """Return the default options of every method from `config/methods.yaml`; empty options if the task is not listed.

        Raises:
            ConfigError: the file lists an unknown method or omits a known one.
        """
        file = shipped(path or METHOD_OPTIONS)
        tasks = validated(_DEFAULTS, read_yaml(file), str(file))
        if self.task not in tasks:
            return {name: {} for name in self.methods}
        defaults = tasks[self.task]
        for name in defaults:
            self.entry(name)
        if missing := sorted(set(self.methods) - set(defaults)):
            msg = f"{file} has no entry for {', '.join(missing)} below {self.task}"
            raise ConfigError(msg)
        return defaults

    def options(self, name: str, overrides: OptionValues, defaults: Mapping[str, OptionValues]) -> dict[str, Any]:
        """Return the default options of a method, updated with overrides; the method is not imported.

        Raises:
            ConfigError: an override is not an option (the nearest is suggested), or its type differs from the default.
        """
        self.entry(name)
        if self.is_external(name):
            return external_options(MethodName.read(name).name, dict(overrides))
        options = dict(defaults[MethodName.read(name).name])
        for key, value in overrides.items():
            if key not in options:
                raise ConfigError(unknown_name(f"option of {name}", key, options))
            options[key] = _typed(name, key, value, type(options[key]))
        return options


def _typed(name: str, key: str, value: Any, expected: type) -> Any:
    """Return the value converted to the type of the default."""
    allowed = isinstance(value, (int, float) if expected is float else expected)
    if not allowed or isinstance(value, bool) != (expected is bool):
        hint = " (YAML reads 1e-3 as text; write 1.0e-3)" if expected is float and isinstance(value, str) else ""
        msg = f"option {key} of {name} must be of type {expected.__name__}, got {value!r}{hint}"
        raise ConfigError(msg)
    return expected(value)


def confinement(method: Method) -> dict[str, Any]:
    """Return the confinement of a submitted method, as a fact for the record; empty for built-in methods."""
    limits = getattr(method, "confinement", None)
    return {} if limits is None else {"sandbox": limits}
