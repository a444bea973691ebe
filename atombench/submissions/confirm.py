"""Confirmation of a submission: compare its score on a public board with its score on the secret board of the same sampler."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

from atombench.errors import DataError
from atombench.records.confirmations import Confirmation, append, check_quota, read_log
from atombench.records.metric import MetricSpec
from atombench.records.record import Metric, Record, load_record
from atombench.submissions.problems import Problems
from atombench.submissions.schema import Submission
from atombench.submissions.score import score
from atombench.submissions.validate import read_submission
from atombench.tasks.made_board import RESULTS
from atombench.tasks.table import find_task
from atombench.tasks.task import spec_of

LEAST_WIDTH = 0.01  # to which scores are rounded, also as a share of the score


def confirm(folder: Path, log: Path, today: date, results: Path = RESULTS, registry: Path | None = None) -> list[Confirmation]:
    """Compare public and secret scores of a submission, and add the result to the log.

    Args:
        folder: the submission; predictions are scored here, and a method must have been run on both boards.
        log: the log file.
        today: date of the scoring.
        results: results folder with the secret boards, on the machine with the key.
        registry: dataset registry.

    Returns:
        A line for each pair of boards and each seed.

    Raises:
        DataError: the submission is not valid, has no answers to a secret board, or the team has used its quota.
    """
    problems = Problems()
    submission = read_submission(folder, problems)
    if submission is None or problems:
        msg = f"{folder} is not a valid submission: {'; '.join(problems.lines)}"
        raise DataError(msg)
    earlier = read_log(log)
    check_quota(earlier, submission.team, today)
    records = _records(submission, folder, results, registry)
    number = 1 + max((line.scoring for line in earlier), default=0)
    lines = list(_compared(submission, records, number, today))
    if not lines:
        msg = f"{submission.name} has no answers to both a public board and the secret board of the same sampler"
        raise DataError(msg)
    append(log, lines)
    return lines


def _records(submission: Submission, folder: Path, results: Path, registry: Path | None) -> list[Record]:
    """Return the records of a submission: scored now for predictions, those of the workflow for a method."""
    if submission.method is None:
        return list(score(folder, results, registry=registry))
    pattern = Path(submission.task) / "*" / "*" / submission.name / "seed*" / "clean" / "record.json"
    return [record for path in sorted(results.glob(str(pattern))) if (record := load_record(path)).ended]


def _compared(submission: Submission, records: list[Record], number: int, today: date) -> Iterator[Confirmation]:
    task = find_task(submission.task)
    spec = spec_of(task, task.primary)
    found = {(record.run.board, record.run.seed): record for record in records}
    for (secret, seed), hidden in found.items():
        public = found.get((task.public_board(secret), seed))
        if not task.secret(secret) or public is None:
            continue
        shown, true = _primary(public, spec), _primary(hidden, spec)
        width = max(true.ci_high - true.ci_low, LEAST_WIDTH * abs(true.value), LEAST_WIDTH)
        yield Confirmation(
            scoring=number,
            date=today,
            team=submission.team,
            submission=submission.name,
            board=public.run.board.key,
            secret=secret.key,
            seed=seed,
            predictions=public.digests.predictions,
            value=round(true.value / width) * width,
            width=width,
            confirmed=shown.value <= true.ci_high if spec.higher_is_better else shown.value >= true.ci_low,
        )


def _primary(record: Record, spec: MetricSpec) -> Metric:
    metric = record.find(*spec.key)
    if metric is None:
        msg = f"the record of {record.run.key} has no {spec.name}"
        raise DataError(msg)
    return metric
