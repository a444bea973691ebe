"""Tests of `atombench schema`: the schema of a run configuration accepts the board blocks of every task."""

from pathlib import Path
from typing import Any, Literal

import jsonschema
import pytest
import yaml
from pydantic import BaseModel

from atombench.commands.schema import SCHEMAS, run, schema_of
from atombench.tasks.atom.board import AtomBlock
from atombench.tasks.table import TASKS, find_task
from atombench.tasks.task import Block
from tests.conftest import ROOT

CONFIGS = [path for path in sorted((ROOT / "config").glob("*.yaml")) if not path.name.startswith(("datasets", "methods"))]


class Range(BaseModel):
    low: int
    high: int


class OtherBlock(Block):
    """A board block with a nested model."""

    task: Literal["other"] = "other"
    distance: Range


class Other:
    block = OtherBlock


@pytest.fixture
def two_tasks(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return the schema of a run configuration with a second task."""
    monkeypatch.setitem(TASKS, "other", "nowhere:OTHER")
    monkeypatch.setattr("atombench.commands.schema.find_task", lambda name: Other if name == "other" else find_task(name))
    return schema_of("run", SCHEMAS["run"])


def errors(schema: dict[str, Any], **block: Any) -> list[str]:
    content = {"run": "x", "seeds": [1], "boards": [block]}
    return [error.message for error in jsonschema.Draft202012Validator(schema).iter_errors(content)]


def test_boards_accept_the_blocks_of_every_task(two_tasks: dict[str, Any]) -> None:
    assert two_tasks["properties"]["boards"]["items"]["anyOf"] == [{"$ref": f"#/$defs/{task}"} for task in TASKS]
    assert "other" in TASKS
    atom = {"datasets": ["toy"], "gatherings": ["hard"]}
    assert errors(two_tasks, **atom) == errors(two_tasks, task="atom", **atom) == []
    assert errors(two_tasks, task="other", datasets=["toy"], distance={"low": 1, "high": 2}) == []
    assert errors(two_tasks, task="other", datasets=["toy"], distance={"low": 1}) != []
    assert errors(two_tasks, task="other", **atom) != []
    assert errors(two_tasks, datasets=["toy"], distance={"low": 1, "high": 2}) != [], "only the default task may be omitted"


def test_the_schema_of_a_run_describes_the_block_of_atom() -> None:
    schema = schema_of("run", SCHEMAS["run"])
    assert set(schema["$defs"]["atom"]["properties"]) == set(AtomBlock.model_fields)
    assert "Block" not in schema["$defs"]


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_shipped_configurations_match_the_schema(path: Path) -> None:
    validator = jsonschema.Draft202012Validator(schema_of("run", SCHEMAS["run"]))
    assert [error.message for error in validator.iter_errors(yaml.safe_load(path.read_text()))] == []


def test_the_command_writes_every_schema(tmp_path: Path) -> None:
    run(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {f"{name}.schema.json" for name in SCHEMAS}
