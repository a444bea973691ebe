"""Options that several sub-commands share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from atombench.errors import ConfigError
from atombench.io.paths import DATASETS

Dataset = Annotated[str, typer.Argument(help="Name of a dataset in the registry.")]
BoardName = Annotated[str, typer.Argument(help="Board: TASK/DATASET/NAME, for example atom/mni-subjects/hard-none-x1.")]
Method = Annotated[str, typer.Option(help="Name of the method.")]
Registry = Annotated[Path, typer.Option(help="Registry of datasets.")]
Data = Annotated[Path, typer.Option(help="Folder of curated data, written by `curate`.")]
ManifestFile = Annotated[Path, typer.Option(help="Manifest of the board (Parquet), written by `split`.")]
Weights = Annotated[Path, typer.Option(help="Weights (safetensors), written by `train`.")]
OptionsText = Annotated[str, typer.Option(help="Options of the method as JSON; they override the defaults of its class.")]
Seed = Annotated[int, typer.Option(help="Random seed of the run.")]
Condition = Annotated[str, typer.Option(help="Condition applied to the queries.")]
Device = Annotated[str, typer.Option(help="cpu, cuda, or auto (cuda if available).")]
Threads = Annotated[int, typer.Option(min=1, help="Number of CPU threads.")]
Out = Annotated[Path, typer.Option(help="Output file.")]
Log = Annotated[Path | None, typer.Option(help="Log file; messages also go to standard error.")]

REGISTRY_DEFAULT = DATASETS


def parsed_options(text: str, name: str = "--options") -> dict[str, Any]:
    """Parse a JSON option.

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
