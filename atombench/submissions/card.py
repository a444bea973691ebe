"""The card of a submitted method, as steps of the workflow read it."""

from __future__ import annotations

from typing import Any

from atombench.engine.method_name import MethodName
from atombench.io.paths import SUBMISSIONS
from atombench.submissions.problems import Problems
from atombench.submissions.validate import read_submission


def card_of(method: str) -> tuple[dict[str, Any], str]:
    """Return the card of a submitted method, empty if it is not valid, and all problems of its submission on one line."""
    problems = Problems()
    submission = read_submission(SUBMISSIONS / MethodName.read(method).name, problems)
    return {} if submission is None else submission.card, "; ".join(problems.lines)
