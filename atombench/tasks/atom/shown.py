"""What pages of this task show of a run: answers to cases, and wrongly located sections."""

from __future__ import annotations

from pydantic import Field

from atombench.io.schema import FrozenModel


class Answer(FrozenModel):
    """Answer of a run to one of the board's cases (see `Case` in audit.py)."""

    section: int = Field(description="row of the test part")
    rank: int = Field(description="rank of the best-ranked correct box; 1 is correct")
    box: int = Field(description="best-scored box")
    scores: str = Field(description="729 bytes in base64: scores of the boxes, 0 for the lowest and 255 for the highest")
    centre: list[float] | None = Field(description="predicted centre, in voxels; null if the run predicts no poses")
    normal: list[float] | None


class Failure(FrozenModel):
    """A wrongly located section, as pictures: PNG in base64, one pixel per voxel.

    `there` and `answered` show the volume in the true plane and in the answered plane: as many pixels as the volume has voxels
    along an edge, with the section in the middle. If a run predicts no pose, the answered plane passes through the middle of
    the best box with the true normal.
    """

    section: int = Field(description="row of the test part")
    volume: str
    rank: int = Field(description="rank of the best-ranked correct box")
    box: int = Field(description="best-scored box")
    distance_voxel: float = Field(
        description="distance of the true centre from the answered one, or from the middle of the best box"
    )
    pixels: str
    there: str
    answered: str


class Shown(FrozenModel):
    """Details that only pages of this task show: `own` of the record of a run."""

    answers: list[Answer] = Field(default=[], description="answers to the cases of the board")
    failures: list[Failure] = Field(default=[], description="random failures; none for restricted data or secret boards")
