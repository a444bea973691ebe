"""The contract between the platform and a method.

A method learns from a `Training` (training and validation sections with labels) and answers `Queries` (test sections
without). It never sees test labels and knows no metric; metrics know no method.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from atombench.engine.training.checkpoint import Checkpoint
from atombench.errors import DataError
from atombench.tasks.atom.geometry import BLOCKS, BOXES, BlockGrid
from atombench.tasks.atom.manifest import Manifest, Sections
from atombench.tasks.atom.queries import Queries, check_belongs
from atombench.tasks.atom.secret import public_gathering
from atombench.volumes.volume_set import VolumeSet

Weights = Mapping[str, NDArray[np.generic]]


class Options(BaseModel):
    """Options of a method; each method's own class adds fields with defaults."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True)
class Training:
    """What a method may learn from.

    Attributes:
        grid: blocks, volume edge and section size.
        gathering: how sections are gathered.
        volumes: float32 (N, E, E, E): the training and validation volumes only.
        train: sections to train on; `volume` indexes `volumes`.
        val: sections to validate on.
    """

    grid: BlockGrid
    gathering: str
    volumes: NDArray[np.float32]
    train: Sections
    val: Sections


@dataclass(frozen=True)
class Resources:
    """What a method may use.

    Attributes:
        seed: number of the repetition; all randomness is keyed by it.
        device: torch device.
        threads: processor threads.
        curve: where to write the training curve (JSON lines), if the method trains.
        checkpoint: where to keep the state of the training, so that it can go on after a kill.
    """

    seed: int
    device: str = "cpu"
    threads: int = 1
    curve: Path | None = None
    checkpoint: Checkpoint | None = None


@dataclass(frozen=True)
class Predictions:
    """Answers to M queries: scores, or poses from which the platform derives them.

    Attributes:
        boxes: float32 (M, 729), a score per fine box, higher is better, in the order 27 x coarse + fine.
        coarse: float32 (M, 27), if the method ranks coarse blocks by themselves; published protocol only, which otherwise
            sums the boxes of each block, as the strict one always does.
        fine: float32 (M, 729), if the method ranks boxes within a block otherwise than over all; published protocol only.
        centres: float64 (M, 3), predicted section centres in voxels.
        normals: float64 (M, 3), predicted normals of any positive length.
        probabilities: whether box scores are meant as probabilities, so that calibration can be measured.
        about: facts to record, such as the number of parameters.
    """

    boxes: NDArray[np.float32] | None = None
    coarse: NDArray[np.float32] | None = None
    fine: NDArray[np.float32] | None = None
    centres: NDArray[np.float64] | None = None
    normals: NDArray[np.float64] | None = None
    probabilities: bool = False
    about: Mapping[str, Any] = field(default_factory=dict)

    def check(self, queries: int) -> None:
        """Check shapes and values.

        Raises:
            DataError: neither scores nor poses are complete, or they are misshapen or not finite.
        """
        widths = {"boxes": BOXES, "coarse": BLOCKS, "fine": BOXES, "centres": 3, "normals": 3}
        for name, width in widths.items():
            array, shape = getattr(self, name), (queries, width)
            if array is None:
                continue
            if array.shape != shape:
                msg = f"expected {name} of shape {shape}, got {array.shape}"
                raise DataError(msg)
            if not np.isfinite(array).all():
                rows = np.flatnonzero(~np.isfinite(array).all(axis=1))
                msg = f"{name} holds NaN or infinite values in {len(rows)} rows, the first is {rows[0]}"
                raise DataError(msg)
        if (self.centres is None) != (self.normals is None):
            raise DataError("a pose needs both centres and normals")
        if self.boxes is None and self.centres is None:
            raise DataError("expected scores for 729 boxes or poses, got neither")
        if self.normals is not None and not np.any(self.normals, axis=1).all():
            raise DataError("a predicted normal has length zero")


class Method(Protocol):
    """A method, built from its options.

    `smoke` holds options with which it learns and answers within seconds; tests use them.
    """

    Options: ClassVar[type[Options]]
    smoke: ClassVar[Mapping[str, Any]]
    options: BaseModel

    def __init__(self, options: Any) -> None: ...

    def fit(self, training: Training, resources: Resources) -> Weights:
        """Learn; gives named arrays that hold all that was learned (empty if nothing is)."""

    def predict(self, weights: Weights, queries: Queries, resources: Resources) -> Predictions:
        """Answer the queries."""


def make_training(volumes: VolumeSet, manifest: Manifest) -> Training:
    """Cut the test sections away, and the test volumes unless the split rule trains on them too.

    Raises:
        DataError: the manifest was made for other volumes.
    """
    check_belongs(volumes, manifest)
    rows = manifest.volume_rows("train", "val")
    place = np.full(len(volumes.ids), -1)
    place[rows] = np.arange(len(rows))

    def moved(sections: Sections) -> Sections:
        return Sections(place[sections.volume].astype(np.int32), sections.index, sections.centres, sections.normals)

    train, val = moved(manifest.parts["train"]), moved(manifest.parts["val"])
    return Training(manifest.grid, public_gathering(manifest.gathering), volumes.volumes[rows], train, val)
