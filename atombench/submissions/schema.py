"""Schema of `submission.yaml`: description of a model by its submitter. The JSON Schema is in `config/schema/`."""

from __future__ import annotations

import re
import unicodedata
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from atombench.engine.external import NAME, MethodFile
from atombench.io.schema import FrozenModel
from atombench.records.board import BOARD

ADDRESS = re.compile(r"https?://[^\s<>\"']{3,300}|[^\s<>\"'@]{1,100}@[^\s<>\"'@]{3,100}")


def _plain(text: str) -> str:
    """Reject markup characters, and control characters of terminals or of text direction."""
    if forbidden := [c for c in text if c in "<>" or (unicodedata.category(c)[0] == "C")]:
        msg = f"the character {forbidden[0]!r} is not allowed; write plain text on one line"
        raise ValueError(msg)
    if not text.strip() or text != text.strip():
        raise ValueError("must not be empty or begin or end with a space")
    return text


def _address(text: str) -> str:
    if text != "none" and ADDRESS.fullmatch(text) is None:
        raise ValueError("expected a web address (https://...), an e-mail address, or none")
    return text


def _inside(text: str) -> str:
    """Reject paths outside the folder, and names that are not portable between systems."""
    parts = PurePosixPath(text).parts
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*", text) or len(parts) > 4 or len(text) > 200:
        raise ValueError("expected a path inside the folder, such as predictions/board-seed1.parquet")
    return text


Line = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_plain)]
Sentences = Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(_plain)]
Address = Annotated[Line, AfterValidator(_address)]
Seed = Annotated[int, Field(ge=0, lt=2**31, strict=True)]


class StrictModel(FrozenModel):
    """Base of the models of a submission: values are not converted either."""

    model_config = ConfigDict(strict=True)


class PredictionFile(StrictModel):
    """Prediction file of one seed."""

    seed: Seed
    file: Annotated[str, AfterValidator(_inside)] = Field(description="path inside the folder; .parquet, .csv or .npz")


class SubmittedBoard(StrictModel):
    """Predictions for the queries of one board."""

    board: str = Field(pattern=f"^{re.sub('[?]P<[a-z]+>', '', BOARD.pattern)}$", description="[TASK/]DATASET/NAME")
    queries: str = Field(pattern="^[0-9a-f]{64}$", description="`digest` in board.json of the answered queries")
    predictions: list[PredictionFile] = Field(min_length=1, max_length=100)


class Card(StrictModel):
    """Description of a model for readers of the board."""

    name: str = Field(pattern=NAME.pattern, description="short name on the board: a-z, 0-9 and -")
    title: Line
    note: Line = Field(description="one sentence for the board")
    team: Line
    contact: Address = Field(description="e-mail or web address")
    paper: Address = Field(description="web address, or none")
    code: Address = Field(description="web address, or none")
    commit: str = Field(pattern="^([0-9a-f]{7,64}|none)$", description="commit of the code, or none")
    licence: Line = Field(description="licence of the code (SPDX identifier), or none")
    parameters: int = Field(ge=0, le=10**15, description="number of learned parameters")
    training_data: Sentences = Field(
        description="all data that the model was trained on, and whether they include test volumes"
    )
    compute: Sentences = Field(description="hardware and training time")
    extra_data: bool = Field(default=False, description="whether it learned from data beyond the training part of the board")


class Submission(Card):
    """A submission: predictions for boards, or a method that the platform runs."""

    submission_version: Literal[1]
    task: str = Field(default="atom", description="task of the boards or of the method")
    protocol: str
    seeds: list[Seed] = Field(min_length=1, max_length=100, description="seeds, the same for every board")
    probabilities: bool = Field(default=False, description="whether scores are probabilities; calibration is measured if so")
    boards: list[SubmittedBoard] = Field(default=[], max_length=1000)
    method: MethodFile | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Submission:
        if bool(self.boards) == (self.method is not None):
            raise ValueError("expected either boards (with predictions) or method, but not both")
        return self

    @property
    def card(self) -> dict[str, Any]:
        """Fields of the card, as stored in result records."""
        return {name: getattr(self, name) for name in Card.model_fields}
