"""`submission.yaml`: what a submitter says of a model, checked key by key. Its JSON Schema is in `config/schema/`."""

from __future__ import annotations

import re
import unicodedata
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from atombench.engine.external import NAME, MethodFile
from atombench.submissions.boards import PATTERN

ADDRESS = re.compile(r"https?://[^\s<>\"']{3,300}|[^\s<>\"'@]{1,100}@[^\s<>\"'@]{3,100}")


def _plain(text: str) -> str:
    """Refuse what could be taken for markup, and what steers a terminal or the direction of writing."""
    if odd := [c for c in text if c in "<>" or (unicodedata.category(c)[0] == "C")]:
        msg = f"the character {odd[0]!r} is not allowed; write plain text on one line"
        raise ValueError(msg)
    if not text.strip() or text != text.strip():
        raise ValueError("must not be empty or begin or end with a space")
    return text


def _address(text: str) -> str:
    if text != "none" and ADDRESS.fullmatch(text) is None:
        raise ValueError("expected a web address (https://...), an e-mail address, or none")
    return text


def _inside(text: str) -> str:
    """Refuse paths that lead out of the folder, and names that mean something else on another system."""
    parts = PurePosixPath(text).parts
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*", text) or len(parts) > 4 or len(text) > 200:
        raise ValueError("expected a path inside the folder, such as predictions/board-seed1.parquet")
    return text


Line = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_plain)]
Sentences = Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(_plain)]
Address = Annotated[Line, AfterValidator(_address)]
Seed = Annotated[int, Field(ge=0, lt=2**31, strict=True)]


class Part(BaseModel):
    """Base: unknown keys are refused, values are not converted."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class PredictionFile(Part):
    """Answers of one seed."""

    seed: Seed
    file: Annotated[str, AfterValidator(_inside)] = Field(description="path in the folder; .parquet, .csv or .npz")


class SubmittedBoard(Part):
    """Answers to the queries of one board."""

    board: str = Field(pattern=f"^{re.sub('[?]P<[a-z]+>', '', PATTERN.pattern)}$", description="name of the board")
    queries: str = Field(pattern="^[0-9a-f]{64}$", description="`digest` of the board.json that was answered")
    predictions: list[PredictionFile] = Field(min_length=1, max_length=100)


class Card(Part):
    """What a reader of the board wants to know of a model."""

    name: str = Field(pattern=NAME.pattern, description="short name on the board: a-z, 0-9 and -")
    title: Line
    note: Line = Field(description="one sentence for the board")
    team: Line
    contact: Address = Field(description="e-mail or web address")
    paper: Address = Field(description="address, or none")
    code: Address = Field(description="address, or none")
    commit: str = Field(pattern="^([0-9a-f]{7,64}|none)$", description="commit of the code, or none")
    licence: Line = Field(description="of the code, as an SPDX name; or none")
    parameters: int = Field(ge=0, le=10**15, description="learned numbers")
    training_data: Sentences = Field(
        description="all data that the model was trained on, and whether test volumes were among it"
    )
    compute: Sentences = Field(description="machine and time")


class Submission(Card):
    """A submission: predictions for boards, or a method that the platform runs."""

    submission_version: Literal[1]
    protocol: str
    seeds: list[Seed] = Field(min_length=1, max_length=100, description="the same for every board")
    probabilities: bool = Field(default=False, description="whether scores are probabilities, so that calibration is measured")
    boards: list[SubmittedBoard] = Field(default=[], max_length=1000)
    method: MethodFile | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Submission:
        if bool(self.boards) == (self.method is not None):
            raise ValueError("expected either boards (with predictions) or method, not both and not none")
        return self

    @property
    def card(self) -> dict[str, Any]:
        """What the record keeps of it."""
        return {name: getattr(self, name) for name in Card.model_fields}
