"""Bundles: trained weights with everything needed to use them outside their run, or the reason why the training failed.

A bundle is one safetensors file. Its metadata state the task, method, options and curated form, so that a trained model can be
rebuilt from the file alone. Nothing is unpickled.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from atombench.engine.contract import Weights
from atombench.engine.failure import MethodFailure
from atombench.errors import DataError
from atombench.io.tensors import load_tensors, save_tensors

FAILURE = "failure"
ABOUT = "bundle"


class Origin(BaseModel):
    """Origin of weights.

    Attributes:
        task, protocol: the task and its protocol version.
        method: name as in the configuration, NAME or NAME+VARIANT.
        options: all options of the method.
        dataset, board, seed: training data and seed; `board` is the name within task and dataset (for atom with its scale).
        form: curated form of the input data.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    bundle_version: int = 1
    task: str
    protocol: str
    method: str
    options: dict[str, Any]
    dataset: str
    board: str
    form: str
    seed: int


class Bundle(BaseModel):
    """Weights and their origin."""

    model_config = ConfigDict(arbitrary_types_allowed=True, frozen=True)

    origin: Origin
    weights: Mapping[str, NDArray[Any]]


_ORIGIN = TypeAdapter(Origin)


def save_bundle(path: Path, weights: Weights, origin: Origin) -> None:
    """Write weights; the bytes depend on the content only."""
    save_tensors(path, weights, {ABOUT: _text(origin)})


def save_failure(path: Path, reason: str, origin: Origin) -> None:
    """Write the reason for a failed training instead of weights."""
    save_tensors(path, {}, {ABOUT: _text(origin), FAILURE: reason})


def load_bundle(path: Path) -> Bundle:
    """Read weights and their origin.

    Raises:
        DataError: the file is missing, damaged, or not a bundle.
        MethodFailure: the training failed.
    """
    weights, about = load_tensors(path)
    if FAILURE in about:
        raise MethodFailure(about[FAILURE])
    try:
        return Bundle(origin=_ORIGIN.validate_json(about[ABOUT]), weights=weights)
    except (KeyError, ValidationError) as error:
        msg = f"{path} does not state the origin of its weights; train again"
        raise DataError(msg) from error


def _text(origin: Origin) -> str:
    return json.dumps(origin.model_dump(), sort_keys=True)
