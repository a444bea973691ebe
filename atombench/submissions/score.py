"""From a submission's predictions to result records, by the evaluator that scores the platform's own methods."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from atombench.engine.answers import in_manifest_order
from atombench.engine.contract import Predictions
from atombench.errors import DataError
from atombench.io.files import file_digest
from atombench.io.paths import DATASETS
from atombench.provenance.code import code_digest
from atombench.records.record import Digests, Record, Unit
from atombench.submissions.boards import RESULTS, BoardName
from atombench.submissions.problems import Problems, printable
from atombench.submissions.schema import Submission
from atombench.submissions.validate import checked_answers, narrowed, read_submission
from atombench.tasks.atom.evaluate import details, evaluate
from atombench.tasks.atom.manifest import Manifest
from atombench.tasks.atom.queries import query_order
from atombench.volumes.registry import may_be_shown
from atombench.volumes.volume_set import VolumeSet


def score(
    folder: Path,
    results: Path = RESULTS,
    boards: Sequence[str] = (),
    seeds: Sequence[int] = (),
    registry: Path = DATASETS,
) -> Iterator[Record]:
    """Check a submission as a whole, then score its answers one by one.

    Args:
        folder: the submission.
        results: the workflow's results, with volumes and manifests of the boards.
        boards: names of the boards to score; all if empty.
        seeds: seeds to score; all if empty.
        registry: says of which datasets pictures may be shown.

    Raises:
        DataError: the submission has problems, or a board is not at hand; every problem is named.
    """
    problems = Problems()
    submission = read_submission(folder, problems)
    if submission is not None and submission.method is not None:
        problems.add(folder.name, "is a method, which the workflow runs; there are no predictions to score")
    if submission is None or problems:
        raise DataError(refusal(folder, problems.lines))
    if missing := sorted(set(boards) - {board.board for board in submission.boards}):
        msg = f"{folder.name} has no predictions for {', '.join(missing)}"
        raise DataError(msg)
    part = narrowed(submission, boards, seeds)
    loaded: dict[str, tuple[VolumeSet, Manifest]] = {}
    for board, seed, path, found in checked_answers(folder, part, problems, results=results):
        if board.board not in loaded:
            loaded = {board.board: BoardName.read(board.board).load(results)}
        volumes, manifest = loaded[board.board]
        pictures = may_be_shown(manifest.dataset, registry)
        yield record_of(submission, seed, path, found, volumes, manifest, pictures)
    if problems:
        raise DataError(refusal(folder, problems.lines))


def refusal(folder: Path, lines: Sequence[str]) -> str:
    """One line for all problems."""
    return f"{printable(folder.name)} is refused: " + "; ".join(lines)


def refused_record(name: str, seed: int, reason: str, volumes: VolumeSet, manifest: Manifest) -> Record:
    """The record of a submission that cannot be scored."""
    return Record(
        unit=_unit(manifest, name, seed),
        origin="submitted predictions",
        status="failed",
        reason=reason,
        role="submission",
        options={},
        about={},
        digests=_digests(manifest, volumes, ""),
        training=None,
        predicting=None,
        volumes=[volumes.ids[row] for row in manifest.volume_rows("test")],
        metrics=[],
    )


def _unit(manifest: Manifest, name: str, seed: int) -> Unit:
    return Unit(**vars(BoardName.of(manifest)), method=name, seed=seed)


def _digests(manifest: Manifest, volumes: VolumeSet, predictions: str) -> Digests:
    code = code_digest("atombench.submissions.score")
    return Digests(volumes=volumes.digest, manifest=manifest.digest, weights="", predictions=predictions, code=code)


def record_of(
    submission: Submission,
    seed: int,
    path: Path,
    found: Predictions,
    volumes: VolumeSet,
    manifest: Manifest,
    pictures: bool,
) -> Record:
    """Score one file of answers; predictions are in the order of the queries; `pictures`: whether any may be shown."""
    answers = in_manifest_order(found, query_order(manifest))
    return Record(
        unit=_unit(manifest, submission.name, seed),
        origin="submitted predictions",
        status="complete",
        role="submission",
        options={},
        about={"parameters": submission.parameters},
        card=submission.card,
        digests=_digests(manifest, volumes, file_digest(path)),
        training=None,
        predicting=None,
        volumes=[volumes.ids[row] for row in manifest.volume_rows("test")],
        metrics=evaluate(answers, manifest, volumes),
        **vars(details(answers, manifest, volumes, pictures)),
    )
