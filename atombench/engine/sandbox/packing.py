"""Conversion of nested dataclasses into flat arrays by name and a structure that can be written as JSON.

The parent packs training data and queries for the child process, which trusts the class names in them. Nothing is unpickled.
"""

from __future__ import annotations

import dataclasses
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]


def pack(value: Any) -> tuple[Arrays, Any]:
    """Return the arrays of a value, by names that are valid file names, and its structure.

    Args:
        value: an array, a dataclass, a dict with text keys, a list or tuple of values, or a plain value that JSON supports.

    Raises:
        TypeError: the value contains another type.
    """
    arrays: Arrays = {}
    return arrays, _packed(value, "value", arrays)


def _packed(value: Any, path: str, arrays: Arrays) -> Any:
    if isinstance(value, np.ndarray):
        name = f"array{len(arrays)}"
        arrays[name] = value
        return {"array": name}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        cls = type(value)
        parts = {field.name: getattr(value, field.name) for field in dataclasses.fields(value) if field.init}
        fields = {name: _packed(part, f"{path}.{name}", arrays) for name, part in parts.items()}
        return {"class": f"{cls.__module__}:{cls.__qualname__}", "fields": fields}
    if isinstance(value, dict):
        if not all(isinstance(name, str) for name in value):
            msg = f"cannot pack {path} of type dict: its keys must be text"
            raise TypeError(msg)
        return {"dict": {name: _packed(part, f"{path}.{name}", arrays) for name, part in value.items()}}
    if isinstance(value, list | tuple):
        kind = "list" if isinstance(value, list) else "tuple"
        return {kind: [_packed(part, f"{path}.{number}", arrays) for number, part in enumerate(value)]}
    plain = value.item() if isinstance(value, np.generic) else value
    if not isinstance(plain, str | int | float | None):
        msg = f"cannot pack {path} of type {type(value).__name__}: expected arrays, dataclasses, dicts, lists or plain values"
        raise TypeError(msg)
    return {"plain": plain}


def unpack(tree: Any, arrays: Arrays) -> Any:
    """Return the value that `pack` split into a structure and arrays."""
    kind = next(key for key in ("array", "class", "dict", "list", "tuple", "plain") if key in tree)
    content = tree[kind]
    if kind == "array":
        return arrays[content]
    if kind == "class":
        module, _, name = content.partition(":")
        cls = getattr(import_module(module), name)
        return cls(**{name: unpack(part, arrays) for name, part in tree["fields"].items()})
    if kind == "dict":
        return {name: unpack(part, arrays) for name, part in content.items()}
    if kind == "plain":
        return content
    values = [unpack(part, arrays) for part in content]
    return values if kind == "list" else tuple(values)
