"""Validation of answers to sections."""

import numpy as np
import pytest

from atombench.engine.answers import Answers, check_answers
from atombench.errors import DataError
from atombench.tasks.atom.task import ATOM


def check(answers: Answers, queries: int) -> None:
    check_answers(answers, ATOM.answers, queries)
    ATOM.check_complete(answers)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"boxes": np.zeros((3, 728), np.float32)}, r"expected boxes of shape \(3, 729\), got \(3, 728\)"),
        ({"boxes": np.zeros((2, 729), np.float32)}, r"expected boxes of shape \(3, 729\), got \(2, 729\)"),
        ({"boxes": np.full((3, 729), np.nan, np.float32)}, "NaN or infinite values in 3 rows, the first is 0"),
        ({"centres": np.zeros((3, 3))}, "needs both centres and normals"),
        ({"centres": np.zeros((3, 3)), "normals": np.zeros((3, 3))}, "length zero"),
        ({"colours": np.zeros((3, 3))}, "unknown answers 'colours' .valid: boxes, coarse, fine, centres, normals"),
        ({}, "got neither"),
    ],
)
def test_answers_that_cannot_be_scored_are_rejected(arrays: dict[str, np.ndarray], message: str) -> None:
    answers = Answers.of(arrays)
    with pytest.raises(DataError, match=message):
        check(answers, 3)
