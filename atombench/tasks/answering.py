"""Answering: give a method the cases of a board, check its answers, and separate those to exchanged cases."""

from __future__ import annotations

from atombench.engine import contract
from atombench.engine.answers import Answers, check_answers
from atombench.engine.exchanges import Exchanged, Mixed, split_answers
from atombench.engine.failure import MethodFailure, own_faults
from atombench.engine.secret_key import key_of_order
from atombench.errors import DataError
from atombench.tasks.task import Asked, Task, TaskManifest, Truth


def cases_of(task: Task, asked: Asked, manifest: TaskManifest, learned: bool, submitted: bool) -> Mixed:
    """Return the queries, mixed with exchanged cases for learned and for submitted methods, which cannot opt out."""
    if not (learned or submitted):
        return Mixed.only(asked.queries, len(asked))
    return task.mix(asked.queries, manifest, key_of_order() if submitted else "")


def answer_cases(
    task: Task,
    method: contract.Method,
    weights: contract.Weights,
    asked: Asked,
    cases: Mixed,
    resources: contract.Resources,
    hint: Truth | None = None,
) -> tuple[Answers, dict[str, Exchanged]]:
    """Let a method answer all cases in one call.

    Args:
        task: task of the board.
        method: the method.
        weights: what it has learned.
        asked: the true queries.
        cases: the same, mixed with exchanged cases.
        resources: resources of the method.
        hint: labels of the queries, for an oracle.

    Returns:
        The answers to the true queries in the order of the manifest, and the stored part of the others by exchange.

    Raises:
        MethodFailure: the method failed by its own fault, or its answers are not valid.
    """
    with own_faults("predicting"):
        answers: Answers = (
            method.predict(weights, cases.queries, resources) if hint is None else method.predict_knowing(hint, resources)  # type: ignore[attr-defined]  # only oracles have it
        )
    try:
        check_answers(answers, task.answers, len(cases))
        task.check_complete(answers)
    except DataError as error:
        msg = f"predicting: {error}"
        raise MethodFailure(msg) from error
    return split_answers(task, answers, cases, asked.order)
