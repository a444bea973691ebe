"""Validate a submission before scoring and report all problems; no submitted code is run or imported."""

from __future__ import annotations

import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from atombench.engine.answers import Answers
from atombench.engine.external import FILE
from atombench.engine.sandbox.supplies import read_requirements
from atombench.errors import AtomBenchError, ConfigError, DataError, unknown_name
from atombench.io.schema import problem_lines, read_yaml
from atombench.records.board import Board
from atombench.records.layout import Layout
from atombench.submissions.answers import read_answers
from atombench.submissions.arrays import Content, Expected
from atombench.submissions.contents import check_kinds, list_folder
from atombench.submissions.form import form_of
from atombench.submissions.problems import Problems
from atombench.submissions.queries import BOARD_FILE, read_board_file
from atombench.submissions.questions import Questions
from atombench.submissions.reserved import reserved
from atombench.submissions.schema import Submission, SubmittedBoard
from atombench.tasks.made_board import RESULTS, load_board
from atombench.tasks.table import TASKS, find_task

_SUBMISSION: TypeAdapter[Submission] = TypeAdapter(Submission)


@dataclass(frozen=True)
class Asked:
    """Digest and names of the queries of a board, as needed to check answers."""

    digest: str
    ids: tuple[str, ...]


@dataclass(frozen=True)
class CheckedAnswers:
    """Valid answers to the queries of a board, in their order, and the digest of the file that they were read from."""

    board: SubmittedBoard
    seed: int
    digest: str
    answers: Answers


def validate(
    folder: Path,
    queries: Sequence[Path] = (),
    results: Path = RESULTS,
    boards: Sequence[str] = (),
    seeds: Sequence[int] = (),
) -> tuple[Submission | None, list[str]]:
    """Validate a submission in this process (see guarded.py for validation with limits).

    Args:
        folder: the submission.
        queries: folders of exported queries (`atombench queries`), for boards that are not in the results.
        results: results folder of the workflow, which is searched first.
        boards: boards for which to read answers; all if empty.
        seeds: seeds for which to read answers; all if empty.

    Returns:
        The submission, or None if `submission.yaml` could not be read, and all problems. Without problems it can be scored.
    """
    problems = Problems()
    submission = read_submission(folder, problems)
    if submission is not None:
        for _ in checked_answers(folder, narrowed(submission, boards, seeds), problems, queries, results):
            pass
    return submission, problems.lines


def narrowed(submission: Submission, boards: Sequence[str], seeds: Sequence[int]) -> Submission:
    """Return a copy of the submission restricted to some boards and seeds; an empty sequence selects all."""
    wanted = {Board.read(name, submission.task) for name in boards}
    chosen = [
        board.model_copy(update={"predictions": [file for file in board.predictions if not seeds or file.seed in seeds]})
        for board in submission.boards
        if not wanted or Board.read(board.board, submission.task) in wanted
    ]
    return submission.model_copy(update={"boards": chosen})


def read_submission(folder: Path, problems: Problems) -> Submission | None:
    """Check the files of the folder and read `submission.yaml`; None if it cannot be read."""
    try:
        if not stat.S_ISDIR(folder.lstat().st_mode):
            problems.add(folder.name, "is not a folder (unpack an archive first; links are not followed)")
            return None
        files = list_folder(folder, problems)
    except OSError as error:
        problems.add(folder.name, f"cannot be read: {error.strerror or error}")
        return None
    if FILE not in files:
        problems.add(FILE, "is missing")
        return None
    submission = _read_yaml(folder / FILE, problems)
    if submission is None:
        return None
    _check_facts(folder, submission, problems)
    answers = {file.file for board in submission.boards for file in board.predictions}
    named = answers | _supplied(submission)
    check_kinds(files, named, problems)
    _check_requirements(folder, submission, problems)
    for name in sorted(named - set(files)):
        problems.add(name, f"is named in {FILE} but does not exist")
    return submission


def _supplied(submission: Submission) -> set[str]:
    """Return the files of pretrained weights and requirements that a method names."""
    method = submission.method
    if method is None:
        return set()
    return {name for name in (*(file.file for file in method.pretrained), method.requirements) if name}


def _check_requirements(folder: Path, submission: Submission, problems: Problems) -> None:
    """Report requirements that cannot be installed; nothing is fetched or installed."""
    if submission.method is None or submission.method.requirements is None:
        return
    path = folder / submission.method.requirements
    if _is_plain_file(path, folder):
        for line in read_requirements(path.read_text(encoding="ascii", errors="replace"))[1]:
            problems.add(path.name, line)


def checked_answers(
    folder: Path, submission: Submission, problems: Problems, queries: Sequence[Path] = (), results: Path = RESULTS
) -> Iterator[CheckedAnswers]:
    """Yield the answers of every board and seed; answers with problems are skipped."""
    contents: dict[str, str] = {}
    asked: dict[Board, Asked | None] = {}
    form = form_of(find_task(submission.task)) if submission.task in TASKS else None
    for board in submission.boards:
        name = Board.read(board.board, submission.task)
        if name in asked or form is None or name.task != submission.task:
            continue  # already reported
        asked[name] = questions = _asked(board, submission.task, problems, queries, results)
        for entry in board.predictions:
            use = f"seed {entry.seed} of {board.board}"
            path = folder / entry.file
            if not _is_plain_file(path, folder) or questions is None:
                continue  # already reported
            content = _content(path, Expected(len(questions.ids), form.widths), entry.file, problems)
            if content is None:
                continue
            if (other := contents.setdefault(content.digest, use)) != use:
                problems.add(
                    entry.file, f"has the same content for {use} as for {other}; seeds or boards may have been mixed up"
                )
            elif answers := read_answers(content, form, questions.ids, submission.probabilities, entry.file, problems):
                yield CheckedAnswers(board, entry.seed, content.digest, answers)


def _content(path: Path, expected: Expected, place: str, problems: Problems) -> Content | None:
    """Return the content of a prediction file; report a problem and return None if it is too large or unreadable."""
    try:
        return Content.read(path, expected)
    except DataError as error:
        problems.add(place, str(error))
        return None


def _read_yaml(path: Path, problems: Problems) -> Submission | None:
    try:
        content = read_yaml(path, untrusted=True)
    except ConfigError as error:
        problems.add(FILE, str(error).replace(str(path), "the file"))
        return None
    try:
        return _SUBMISSION.validate_python(content)
    except ValidationError as error:
        for line in problem_lines(error, _SUBMISSION):
            problems.add(FILE, line)
        return None


def _check_facts(folder: Path, submission: Submission, problems: Problems) -> None:
    """Report problems that involve several keys, the folder or the registry of tasks."""
    if submission.task not in TASKS:
        problems.add(FILE, f"task: {unknown_name('task', submission.task, TASKS)}")
        return
    protocol = find_task(submission.task).protocol
    if submission.protocol != protocol:
        problems.add(FILE, f"protocol: expected {protocol!r}, got {submission.protocol!r}; answer the current queries")
    if submission.name in reserved():
        problems.add(FILE, f"name: {submission.name!r} is the name of a built-in method, or reserved")
    if submission.name != folder.resolve().name:
        problems.add(FILE, f"name: expected the folder name {folder.resolve().name!r}, got {submission.name!r}")
    if len(set(submission.seeds)) != len(submission.seeds):
        problems.add(FILE, "seeds: a seed is listed twice")
    names = [Board.read(board.board, submission.task) for board in submission.boards]
    problems.add_rows(FILE, "boards listed twice", sorted({name for name in names if names.count(name) > 1}))
    others = sorted({name for name in names if name.task != submission.task})
    problems.add_rows(FILE, f"boards of a task other than {submission.task!r}, which need a separate submission", others)
    for board in submission.boards:
        seeds = [entry.seed for entry in board.predictions]
        if sorted(seeds) != sorted(submission.seeds):
            problems.add(FILE, f"{board.board}: expected a file for each of the seeds {submission.seeds}, got seeds {seeds}")
    if submission.method is not None:
        try:
            place = submission.method.place
            if place.partition(":")[0].partition(".")[0] == "atombench":
                problems.add(FILE, f"method.entry_point: {place} is part of the platform; submit a method of your own")
            if submission.method.file and not _is_plain_file(folder / submission.method.file, folder):
                problems.add(submission.method.file, f"is named in {FILE} ({place}) but does not exist")
        except ConfigError as error:
            problems.add(FILE, f"method: {error}")


def _is_plain_file(path: Path, folder: Path) -> bool:
    """Return whether a path is a regular file inside the folder and contains no links."""
    try:
        return path.is_file() and path.resolve() == folder.resolve() / path.relative_to(folder)
    except (OSError, ValueError):
        return False


def _asked(board: SubmittedBoard, task: str, problems: Problems, queries: Sequence[Path], results: Path) -> Asked | None:
    """Return the queries of a board from the results or a folder of queries; report a problem and return None on a mismatch."""
    try:
        asked = _look_for(Board.read(board.board, task), queries, results)
    except AtomBenchError as error:
        problems.add(f"board {board.board}", str(error))
        return None
    if asked.digest != board.queries:
        mismatch = f"answers queries {board.queries[:12]}…, expected {asked.digest[:12]}… (other data, version or board)"
        problems.add(f"board {board.board}", mismatch)
        return None
    return asked


def _look_for(board: Board, queries: Sequence[Path], results: Path) -> Asked:
    """Find the queries of a board.

    Raises:
        DataError: neither the board nor its exported queries exist.
        ConfigError: the name is not valid for a board of the task.
    """
    layout, task = Layout(results), find_task(board.task)
    data = layout.curated(board.dataset, task.form(board))
    if layout.manifest(board).is_file() and data.is_dir():
        questions = Questions.of(load_board(board, results))
        return Asked(questions.digest, questions.ids)
    written = layout.queries(board)
    for folder in (*queries, *(path / board.path for path in queries), written):
        if (folder / BOARD_FILE).is_file():
            about, ids = read_board_file(folder, task.protocol)
            if about.board == board.key:
                return Asked(about.digest, ids)
    msg = f"its queries do not exist; create them with: snakemake --cores 2 {written / BOARD_FILE}"
    raise DataError(msg)
