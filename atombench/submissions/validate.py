"""All that is wrong with a submission, at once and before any scoring; nothing in it is run or imported."""

from __future__ import annotations

import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from atombench import PROTOCOL
from atombench.engine.contract import Predictions
from atombench.engine.external import FILE
from atombench.errors import AtomBenchError, ConfigError, DataError
from atombench.io.files import file_digest
from atombench.io.schema import problem_lines, read_yaml
from atombench.submissions.answers import WIDTHS, read_answers
from atombench.submissions.arrays import Expected, check_size
from atombench.submissions.boards import RESULTS, BoardName, Questions
from atombench.submissions.contents import check_kinds, list_folder
from atombench.submissions.problems import Problems
from atombench.submissions.queries import BOARD_FILE, read_board_file
from atombench.submissions.schema import Submission, SubmittedBoard
from atombench.tasks.atom.methods.table import METHODS

TAKEN = {*METHODS, "uniform-chance"}
_SUBMISSION: TypeAdapter[Submission] = TypeAdapter(Submission)


@dataclass(frozen=True)
class Asked:
    """What a board asks, as far as checking answers needs it: the digest of its queries and their names."""

    digest: str
    ids: tuple[str, ...]


def validate(
    folder: Path,
    queries: Sequence[Path] = (),
    results: Path = RESULTS,
    boards: Sequence[str] = (),
    seeds: Sequence[int] = (),
) -> tuple[Submission | None, list[str]]:
    """Check a submission, in this process (see guarded.py).

    Args:
        folder: the submission.
        queries: folders of queries (`atombench queries`), for boards that the workflow has not made here.
        results: the workflow's results, where boards are looked for first.
        boards: read answers to these boards alone; all if empty.
        seeds: read answers of these seeds alone; all if empty.

    Returns:
        The submission if `submission.yaml` could be read, and all problems; without any it can be scored.
    """
    problems = Problems()
    submission = read_submission(folder, problems)
    if submission is not None:
        for _ in checked_answers(folder, narrowed(submission, boards, seeds), problems, queries, results):
            pass
    return submission, problems.lines


def narrowed(submission: Submission, boards: Sequence[str], seeds: Sequence[int]) -> Submission:
    """The submission with answers to some boards, of some seeds, alone; all of them where none are named."""
    chosen = [
        board.model_copy(update={"predictions": [file for file in board.predictions if not seeds or file.seed in seeds]})
        for board in submission.boards
        if not boards or board.board in boards
    ]
    return submission.model_copy(update={"boards": chosen})


def read_submission(folder: Path, problems: Problems) -> Submission | None:
    """Look at the folder and read `submission.yaml`; None if it cannot be read."""
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
    check_kinds(files, answers, problems)
    for name in sorted(answers - set(files)):
        problems.add(name, f"is named in {FILE} but is not there")
    return submission


def checked_answers(
    folder: Path, submission: Submission, problems: Problems, queries: Sequence[Path] = (), results: Path = RESULTS
) -> Iterator[tuple[SubmittedBoard, int, Path, Predictions]]:
    """Read the answers of every board and seed, one after the other; those with a problem are left out."""
    contents: dict[str, str] = {}
    asked: dict[str, Asked | None] = {}
    for board in submission.boards:
        if board.board in asked:
            continue  # told already
        asked[board.board] = found = _asked(board, problems, queries, results)
        for entry in board.predictions:
            use = f"seed {entry.seed} of {board.board}"
            path = folder / entry.file
            if not _is_plain_file(path, folder) or found is None:
                continue  # told already
            digest = _digest(path, len(found.ids), entry.file, problems)
            if (other := contents.setdefault(digest or use, use)) != use:
                problems.add(entry.file, f"has the same content for {use} as for {other}; seeds or boards were mixed up")
            elif digest and (answers := read_answers(path, found.ids, submission.probabilities, entry.file, problems)):
                yield board, entry.seed, path, answers


def _digest(path: Path, queries: int, place: str, problems: Problems) -> str:
    """SHA-256 of a file whose size is that of answers; otherwise empty, and a problem is noted."""
    try:
        check_size(path, Expected(queries, WIDTHS))
        return file_digest(path)
    except DataError as error:
        problems.add(place, str(error))
        return ""


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
    """What no single key can tell."""
    if submission.protocol != PROTOCOL:
        problems.add(FILE, f"protocol: expected {PROTOCOL!r}, got {submission.protocol!r}; answer the present queries")
    if submission.name in TAKEN:
        problems.add(FILE, f"name: {submission.name!r} is taken by the platform's own method")
    if submission.name != folder.resolve().name:
        problems.add(FILE, f"name: expected the folder's name {folder.resolve().name!r}, got {submission.name!r}")
    if len(set(submission.seeds)) != len(submission.seeds):
        problems.add(FILE, "seeds: a seed stands in the list twice")
    names = [board.board for board in submission.boards]
    problems.add_rows(FILE, "boards that stand in the list twice", sorted({name for name in names if names.count(name) > 1}))
    for board in submission.boards:
        seeds = [entry.seed for entry in board.predictions]
        if sorted(seeds) != sorted(submission.seeds):
            problems.add(FILE, f"{board.board}: expected a file for each of the seeds {submission.seeds}, got seeds {seeds}")
    if submission.method is not None:
        try:
            place = submission.method.place
            if submission.method.file and not _is_plain_file(folder / submission.method.file, folder):
                problems.add(submission.method.file, f"is named in {FILE} ({place}) but is not there")
        except ConfigError as error:
            problems.add(FILE, f"method: {error}")


def _is_plain_file(path: Path, folder: Path) -> bool:
    """Whether it is a file of the folder itself, with no link on the way."""
    try:
        return path.is_file() and path.resolve() == folder.resolve() / path.relative_to(folder)
    except (OSError, ValueError):
        return False


def _asked(board: SubmittedBoard, problems: Problems, queries: Sequence[Path], results: Path) -> Asked | None:
    """What the board asks, from the workflow's results or a folder of queries."""
    try:
        asked = _look_for(BoardName.read(board.board), queries, results)
    except AtomBenchError as error:
        problems.add(f"board {board.board}", str(error))
        return None
    if asked.digest != board.queries:
        told = f"answers queries {board.queries[:12]}…, the board here asks {asked.digest[:12]}… (other data, version or board)"
        problems.add(f"board {board.board}", told)
        return None
    return asked


def _look_for(name: BoardName, queries: Sequence[Path], results: Path) -> Asked:
    volumes, manifest = name.files(results)
    if volumes.is_file() and manifest.is_file():
        found = Questions.of(*name.load(results))
        return Asked(found.digest, found.ids)
    for folder in (*queries, *(path / str(name) for path in queries), results / "queries" / str(name)):
        if (folder / BOARD_FILE).is_file():
            about, ids = read_board_file(folder)
            if about.board == str(name):
                return Asked(about.digest, ids)
    msg = f"its queries are not at hand; make them with: snakemake --cores 2 {results / 'queries' / str(name) / BOARD_FILE}"
    raise DataError(msg)
