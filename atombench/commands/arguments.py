"""Options that several sub-commands share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from atombench.errors import ConfigError
from atombench.io.paths import DATASETS

Dataset = Annotated[str, typer.Argument(help="Name of a row of the registry.")]
MethodArgument = Annotated[str, typer.Argument(help="Name of a method.")]
Registry = Annotated[Path, typer.Option(help="Registry of datasets.")]
Volumes = Annotated[Path, typer.Option(help="Curated volumes (npz).")]
ManifestFile = Annotated[Path, typer.Option(help="Sample manifest (Parquet).")]
Weights = Annotated[Path, typer.Option(help="Weights (safetensors).")]
OptionsText = Annotated[str, typer.Option(help="Options of the method as JSON, over the defaults of its class.")]
Seed = Annotated[int, typer.Option(help="Number of the repetition.")]
Device = Annotated[str, typer.Option(help="cpu, cuda, or auto: cuda where there is one.")]
Threads = Annotated[int, typer.Option(min=1, help="Processor threads.")]
Out = Annotated[Path, typer.Option(help="Where to write the result.")]
Log = Annotated[Path | None, typer.Option(help="File for messages, besides standard error.")]

REGISTRY_DEFAULT = DATASETS


def parsed_options(text: str, name: str = "--options") -> dict[str, Any]:
    """Read what an option gives as JSON.

    Raises:
        ConfigError: the text is not a JSON object.
    """
    try:
        options = json.loads(text)
    except ValueError as error:
        msg = f"{name} must be a JSON object, got {text!r} ({error})"
        raise ConfigError(msg) from error
    if not isinstance(options, dict):
        msg = f"{name} must be a JSON object, got {text!r}"
        raise ConfigError(msg)
    return options
