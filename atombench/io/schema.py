"""Reading of YAML and validation with pydantic, with one-line messages that suggest the nearest valid key."""

from __future__ import annotations

import re
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from atombench.errors import ConfigError, DataError, unknown_name
from atombench.io.files import read_json

T = TypeVar("T")
Content = Any
"""What a YAML or JSON file holds: mappings, lists, texts, numbers."""
JsonSchema = dict[str, Any]
LONGEST_YAML = 65536  # bytes, for untrusted files
DEEPEST_YAML = 12
LONG_NUMBER = re.compile(
    r"[-+]?(0[xXbBoO][0-9a-fA-F_]{17,}|[0-9][0-9_:.]{18,}[0-9_:.eE+-]*)"
)  # a digest may consist of digits only


class FrozenModel(BaseModel):
    """Base of the models of files: unknown keys and non-finite numbers are rejected."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class _EachKeyOnce(yaml.SafeLoader):
    """YAML loader for plain values that refuses repeated keys in a mapping."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[object, object]:
        names = Counter(key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode) and "merge" not in key.tag)
        if repeated := [name for name, count in names.items() if count > 1]:
            problem = f"the key {repeated[0]!r} is repeated"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
        self.flatten_mapping(node)
        return super().construct_mapping(node, deep)


def read_yaml(path: Path, untrusted: bool = False) -> Content:
    """Read a YAML file of plain values.

    Args:
        path: the file.
        untrusted: whether the file is untrusted; it must then be short, not deeply nested, without references (which can
            expand without limit), and contain only values that JSON supports.

    Raises:
        ConfigError: the file is missing, is not YAML, or repeats a key.
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
    """Refuse files that can exhaust a YAML parser.

    Raises:
        ConfigError: the file is too long, nested too deeply, or contains references.
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


def validated(adapter: TypeAdapter[T], content: Content, source: str) -> T:
    """Return `content` validated as a type.

    Raises:
        ConfigError: the content is not valid; the message lists all problems and suggests the nearest valid keys.
    """
    try:
        return adapter.validate_python(content)
    except ValidationError as error:
        msg = f"{source}: " + "; ".join(problem_lines(error, adapter))
        raise ConfigError(msg) from error


def problem_lines(error: ValidationError, adapter: TypeAdapter[Any]) -> list[str]:
    """Return each problem that pydantic found in one line; for an unknown key with the nearest valid one."""
    schema = adapter.json_schema()  # derived once: it is slow, and a file may have many unknown keys
    return [_problem_line(problem, schema) for problem in error.errors(include_url=False, include_context=False)]


def read_model(adapter: TypeAdapter[T], path: Path) -> T:
    """Read and validate a JSON file written by a step.

    Raises:
        DataError: the file is missing, is not JSON, or does not match the schema.
    """
    with suppress(OSError, ValidationError):  # reported below
        return adapter.validate_json(path.read_bytes())
    try:
        return validated(adapter, read_json(path), str(path))
    except ConfigError as error:
        msg = f"{error}; delete the file and run the step again"
        raise DataError(msg) from error


def _problem_line(problem: Any, schema: JsonSchema) -> str:
    place = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        return unknown_name("key", place, _keys(schema, problem["loc"]))
    if problem["type"] == "missing":
        return f"{place}: this key is required and missing"
    value = problem["input"]
    quotes = f'; write it in quotes: "{value}"' if problem["type"] == "string_type" and isinstance(value, int | float) else ""
    return f"{place or 'top level'}: {problem['msg']}, got {value!r:.80}{quotes}"


def _keys(schema: JsonSchema, location: tuple[Any, ...]) -> list[str]:
    """Return the valid keys at the place of an unknown one, as full dotted names."""
    names = {name for part in (schema, *schema.get("$defs", {}).values()) for name in part.get("properties", {})}
    if len(location) == 1:
        names = set(schema.get("properties", names))
    return [".".join([*(str(part) for part in location[:-1]), name]) for name in names]


def json_schema(model: type[BaseModel]) -> JsonSchema:
    """Return the JSON Schema of a model, as stored in `config/schema/`."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **model.model_json_schema()}
