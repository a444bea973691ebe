"""`atombench schema`: the JSON Schemas of configuration, registry and records."""

from pathlib import Path
from typing import Annotated

import typer
from pydantic import BaseModel, RootModel

from atombench.audit.record import Findings
from atombench.config import RunConfig
from atombench.io.files import write_json
from atombench.io.schema import json_schema
from atombench.records.record import Record
from atombench.submissions.queries import BoardFile
from atombench.submissions.schema import Submission
from atombench.volumes.registry import DatasetRow


class Audit(RootModel[Findings]):
    """An audit file: about the volumes of a dataset, or about a board."""


class Registry(RootModel[dict[str, DatasetRow]]):
    """Rows of `config/datasets.yaml` by name."""


SCHEMAS: dict[str, type[BaseModel]] = {"run": RunConfig, "datasets": Registry, "record": Record, "audit": Audit}
SCHEMAS |= {"submission": Submission, "queries": BoardFile}


def run(out: Annotated[Path, typer.Option(help="Folder for the schemas.")] = Path("config/schema")) -> None:
    """Write the schemas; the tests keep the committed ones equal to the code."""
    for name, model in SCHEMAS.items():
        write_json(out / f"{name}.schema.json", json_schema(model))
