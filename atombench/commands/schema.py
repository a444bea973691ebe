"""`atombench schema`: JSON Schemas of configuration, registry and records."""

from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import BaseModel, RootModel

from atombench.audit.record import Findings
from atombench.config import RunConfig
from atombench.io.files import write_json
from atombench.io.schema import json_schema
from atombench.records.record import Record
from atombench.submissions.queries import BoardFile
from atombench.submissions.schema import Submission
from atombench.tasks.table import DEFAULT, TASKS, find_task
from atombench.tasks.task import Block
from atombench.volumes.registry import DatasetRow


class Audit(RootModel[Findings]):
    """An audit file: about the volumes of a dataset, or about a board."""


class Registry(RootModel[dict[str, DatasetRow]]):
    """Rows of `config/datasets.yaml` by name."""


SCHEMAS: dict[str, type[BaseModel]] = {"run": RunConfig, "datasets": Registry, "record": Record, "audit": Audit}
SCHEMAS |= {"submission": Submission, "queries": BoardFile}


def run(out: Annotated[Path, typer.Option(help="Output folder for the schemas.")] = Path("config/schema")) -> None:
    """Write the schemas; a test checks that the committed ones match the code."""
    for name, model in SCHEMAS.items():
        write_json(out / f"{name}.schema.json", schema_of(name, model))


def schema_of(name: str, model: type[BaseModel]) -> dict[str, Any]:
    """Return the JSON Schema of a model; in that of a run, the board blocks of all tasks are allowed."""
    schema = json_schema(model)
    if name == "run":
        known = {key: definition for key, definition in schema["$defs"].items() if key != Block.__name__}
        schema["$defs"] = {**known, **_blocks()}
        schema["properties"]["boards"]["items"] = {"anyOf": [{"$ref": f"#/$defs/{task}"} for task in TASKS]}
    return schema


def _blocks() -> dict[str, Any]:
    """Return the schema of each task's board block by task name, and those of nested models by TASK.MODEL."""
    definitions = {}
    for task in TASKS:
        block = find_task(task).block.model_json_schema(ref_template=f"#/$defs/{task}.{{model}}")
        definitions.update({f"{task}.{model}": schema for model, schema in block.pop("$defs", {}).items()})
        block["required"] = sorted({*block.get("required", ()), *(["task"] if task != DEFAULT else [])})
        definitions[task] = block
    return definitions
