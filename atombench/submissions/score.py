"""Score the answers of a submission with the evaluator of the built-in methods."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from atombench.engine.exchanges import split_answers
from atombench.errors import DataError
from atombench.io.paths import DATASETS
from atombench.io.text import one_line
from atombench.provenance.code import code_digest
from atombench.records.board import Board
from atombench.records.record import Digests, Header, Record, make_record
from atombench.records.run import Run
from atombench.submissions.problems import Problems
from atombench.submissions.schema import Submission
from atombench.submissions.validate import CheckedAnswers, checked_answers, narrowed, read_submission
from atombench.tasks.evaluate import evaluate
from atombench.tasks.made_board import RESULTS, MadeBoard, load_board
from atombench.tasks.task import modules_of
from atombench.volumes.registry import may_be_shown


def score(
    folder: Path,
    results: Path = RESULTS,
    boards: Sequence[str] = (),
    seeds: Sequence[int] = (),
    registry: Path | None = None,
) -> Iterator[Record]:
    """Validate a submission, then score its prediction files one by one.

    Args:
        folder: the submission.
        results: results folder of the workflow, with data and manifests of the boards.
        boards: boards to score; all if empty.
        seeds: seeds to score; all if empty.
        registry: dataset registry, which states whether pictures may be shown.

    Raises:
        DataError: the submission has problems (all are listed), or a board does not exist in the results.
    """
    problems = Problems()
    submission = read_submission(folder, problems)
    if submission is not None and submission.method is not None:
        problems.add(folder.name, "is a method, which the workflow runs; it has no answers to score")
    if submission is None or problems:
        raise DataError(refusal(folder, problems.lines))
    answered = {Board.read(board.board, submission.task).key for board in submission.boards}
    if missing := sorted({Board.read(name, submission.task).key for name in boards} - answered):
        msg = f"{folder.name} has no answers for {', '.join(missing)}"
        raise DataError(msg)
    made: dict[Board, MadeBoard] = {}
    part = narrowed(submission, boards, seeds)
    for found in checked_answers(folder, part, problems, results=results):
        board = Board.read(found.board.board, submission.task)
        if board not in made:
            made = {board: load_board(board, results)}
        yield record_of(submission, found, made[board], registry or DATASETS)
    if problems:
        raise DataError(refusal(folder, problems.lines))


def refusal(folder: Path, lines: Sequence[str]) -> str:
    """Return an error message with all problems on one line."""
    return f"{one_line(folder.name)} is rejected: " + "; ".join(lines)


def refused_record(name: str, seed: int, reason: str, made: MadeBoard) -> Record:
    """Return the failed record of a submission that cannot be scored."""
    return make_record(_header(name, seed, made, ""), None, reason)


def record_of(submission: Submission, found: CheckedAnswers, made: MadeBoard, registry: Path) -> Record:
    """Score the answers of one prediction file, which include those to exchanged cases."""
    asked = made.task.queries(made.data, made.manifest)
    pictures = may_be_shown(made.board.dataset, registry) and not made.task.secret(made.board)
    mixed = made.task.mix(asked.queries, made.manifest)
    answers, exchanged = split_answers(made.task, found.answers, mixed, asked.order)
    evaluation = evaluate(made.task, answers, made.data, made.manifest, exchanged, pictures)
    return make_record(_header(submission.name, found.seed, made, found.digest, submission), evaluation)


def _header(name: str, seed: int, made: MadeBoard, digest: str, submission: Submission | None = None) -> Header:
    code = code_digest("atombench.submissions.score", *modules_of(made.task, "score"))
    return Header(
        run=Run.of(made.board, name, seed),
        protocol_version=made.task.protocol,
        origin="self-reported",
        role="submission",
        digests=Digests(data=made.data.index.digest, manifest=made.manifest.digest, weights="", predictions=digest, code=code),
        clusters=list(made.task.clusters(made.data, made.manifest).names),
        card=submission.card if submission else {},
        about={"parameters": submission.parameters} if submission else {},
    )
