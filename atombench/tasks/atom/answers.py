"""Answers to a section: scores of boxes, or a pose from which the platform derives them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from atombench.engine.answers import Answers, Field
from atombench.errors import DataError
from atombench.tasks.atom.geometry import BLOCKS, BOXES

FINE_DEPTHS = (1, 5, 10)  # depths of recall among all boxes
KEPT = max(FINE_DEPTHS)  # best boxes stored for each answer to exchanged inputs


def _has_length(normals: NDArray[Any]) -> str | None:
    return None if np.any(normals, axis=1).all() else "a predicted normal has length zero"


FIELDS = (
    Field("boxes", BOXES),  # a score per fine box, higher is better, in the order 27 x coarse + fine
    Field("coarse", BLOCKS),  # if blocks are ranked separately; used by the published protocol only
    Field("fine", BOXES),  # if boxes within a block are ranked separately; used by the published protocol only
    Field("centres", 3, "float64"),  # predicted centres, voxels
    Field("normals", 3, "float64", _has_length),  # predicted normals, any positive length
)
KEPT_FIELDS = (Field("best", KEPT, "int16"),)


def check_complete(answers: Answers) -> None:
    """Check that answers contain scores or poses.

    Raises:
        DataError: both are missing, or centres come without normals or normals without centres.
    """
    names = answers.arrays.keys()
    if ("centres" in names) != ("normals" in names):
        raise DataError("a pose needs both centres and normals")
    if "boxes" not in names and "centres" not in names:
        raise DataError("expected scores for 729 boxes or poses, got neither")
