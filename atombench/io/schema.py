"""Reading YAML and checking it with pydantic, with one-line messages that name the nearest valid key."""

from __future__ import annotations

import re
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, TypeAdapter, ValidationError

from atombench.errors import ConfigError, DataError, unknown_name
from atombench.io.files import read_json

T = TypeVar("T")
LONGEST_YAML = 65536  # bytes that are read of a stranger's file
DEEPEST_YAML = 12
LONG_NUMBER = re.compile(r"[-+]?(0[xXbBoO][0-9a-fA-F_]{17,}|[0-9][0-9_:.]{18,}[0-9_:.eE+-]*)")  # digests may be digits alone


class _EachKeyOnce(yaml.SafeLoader):
    """Reads plain values, and refuses a key that stands twice in one mapping."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names = Counter(key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode) and "merge" not in key.tag)
        if twice := [name for name, count in names.items() if count > 1]:
            problem = f"the key {twice[0]!r} stands twice"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
        self.flatten_mapping(node)
        return super().construct_mapping(node, deep)


def read_yaml(path: Path, untrusted: bool = False) -> Any:
    """Read a YAML file of plain values.

    Args:
        path: the file.
        untrusted: whether a stranger wrote it: then it must be short, without references (which can grow without end), not
            deeply nested, and of values that JSON knows.

    Raises:
        ConfigError: the file is missing, is not YAML, or names a key twice.
    """
    try:
        if untrusted:
            _check_harmless(path)
        return _EachKeyOnce(path.read_text(encoding="utf-8-sig")).get_single_data()
    except OSError as error:
        msg = f"cannot read {path}: {error.strerror or error}"
        raise ConfigError(msg) from error
    except (yaml.YAMLError, ValueError, ArithmeticError, RecursionError) as error:
        msg = f"{path} is not valid YAML: {' '.join(str(error).split())}"
        raise ConfigError(msg) from error


def _check_harmless(path: Path) -> None:
    """Refuse what makes a YAML reader work without end.

    Raises:
        ConfigError: the file is too long, too deep, or refers to itself.
    """
    if path.stat().st_size > LONGEST_YAML:
        msg = f"{path} has {path.stat().st_size} bytes, expected at most {LONGEST_YAML}"
        raise ConfigError(msg)
    depth = 0
    for event in yaml.parse(path.read_text(encoding="utf-8-sig"), Loader=yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            msg = f"{path}: references (& and *) are not allowed; write the value out"
            raise ConfigError(msg)
        if tag := getattr(event, "tag", None):
            msg = f"{path}: tags such as {str(tag)[:40]!r} are not allowed; write plain values"
            raise ConfigError(msg)
        if isinstance(event, yaml.ScalarEvent) and event.implicit[0] and LONG_NUMBER.fullmatch(event.value):
            msg = f"{path}: the number {event.value[:20]}... is too long"
            raise ConfigError(msg)
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST_YAML:
            msg = f"{path} is nested more than {DEEPEST_YAML} deep"
            raise ConfigError(msg)


def validated(adapter: TypeAdapter[T], content: Any, source: str) -> T:
    """Check `content` against a type.

    Raises:
        ConfigError: all problems in one line; for an unknown key with the nearest valid one.
    """
    try:
        return adapter.validate_python(content)
    except ValidationError as error:
        msg = f"{source}: " + "; ".join(problem_lines(error, adapter))
        raise ConfigError(msg) from error


def problem_lines(error: ValidationError, adapter: TypeAdapter[Any]) -> list[str]:
    """Every problem that pydantic found, each in one line; for an unknown key with the nearest valid one."""
    return [_worded(problem, adapter) for problem in error.errors(include_url=False, include_context=False)]


def read_model(adapter: TypeAdapter[T], path: Path) -> T:
    """Read a JSON file that a step has written and check it.

    Raises:
        DataError: it is missing, is not JSON, or is not what the step writes.
    """
    with suppress(OSError, ValidationError):  # said in words below
        return adapter.validate_json(path.read_bytes())
    try:
        return validated(adapter, read_json(path), str(path))
    except ConfigError as error:
        msg = f"{error}; delete the file and run the step again"
        raise DataError(msg) from error


def _worded(problem: Any, adapter: TypeAdapter[Any]) -> str:
    place = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        return unknown_name("key", place, _keys(adapter, problem["loc"]))
    if problem["type"] == "missing":
        return f"{place}: this key is required and missing"
    return f"{place or 'top level'}: {problem['msg']}, got {problem['input']!r:.80}"


def _keys(adapter: TypeAdapter[Any], location: tuple[Any, ...]) -> list[str]:
    """Valid keys beside the unknown one, as full dotted names."""
    schema = adapter.json_schema()
    names = {name for part in (schema, *schema.get("$defs", {}).values()) for name in part.get("properties", {})}
    if len(location) == 1:
        names = set(schema.get("properties", names))
    return [".".join([*(str(part) for part in location[:-1]), name]) for name in names]


def json_schema(model: type[BaseModel]) -> dict[str, Any]:
    """JSON Schema of a model, as kept in `config/schema/`."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **model.model_json_schema()}
