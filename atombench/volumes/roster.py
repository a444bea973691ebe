"""Roster of a collection: images matched with the lines of its table, and the problems found."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from atombench.progress import logger
from atombench.volumes.registry import CollectionRow
from atombench.volumes.tables import Line, read_table

Key = tuple[str, str]  # subject, session; the session is empty where there is none


@dataclass(frozen=True)
class Entry:
    """One image of a collection.

    Attributes:
        id: subject and session in one word.
        group: the subject; one name where several subjects of the table are the same person.
        label: label from the table, empty where there is none.
        facts: further properties from the table.
        files: names of the files of the image.
    """

    id: str
    group: str
    label: str
    facts: Mapping[str, str]
    files: tuple[str, ...]


def read_roster(
    row: CollectionRow, images: Mapping[Key, list[str]], table: Path | None, many_files: bool
) -> tuple[list[Entry], list[str]]:
    """Return the images of a collection in the order of their keys, and the problems with names and table.

    Args:
        row: the registry row.
        images: names of the files of each image.
        table: path of the table, if there is one.
        many_files: whether an image may consist of several files.

    Raises:
        DataError: the table cannot be read.
    """
    problems = _clashes(images, many_files)
    lines: dict[Key, Line] = {key: {} for key in images}
    if table is not None:
        lines, line_problems = _read_lines(row, table)
        problems += line_problems
        if row.session_column is None:
            lines = _for_all_sessions(lines, images)
    problems += _unknown_subjects(row, {subject for subject, _ in {**images, **lines}})
    kept = {key: line for key, line in lines.items() if row.labels is None or line[str(row.label_column)] in row.labels}
    if table is not None:
        problems += _unmatched(row, table.name, set(images), set(lines), set(kept))
        if lines and not kept:
            labels = sorted({line[str(row.label_column)] for line in lines.values()})
            problems.append(f"no line of {table.name} has a label of {list(row.labels or ())}; there are {', '.join(labels)}")
    return [_entry(row, key, kept[key], images[key]) for key in sorted(kept) if key in images], problems


def entry_id(key: Key) -> str:
    """Return subject and session in one word."""
    return "_".join(part for part in key if part)


def same_person(row: CollectionRow, subject: str) -> str:
    """Return the name under which a person's subjects are grouped, following `same_subject` to the last name."""
    while subject in row.same_subject:
        subject = row.same_subject[subject]
    return subject


def _entry(row: CollectionRow, key: Key, line: Line, files: list[str]) -> Entry:
    return Entry(
        id=entry_id(key),
        group=same_person(row, key[0]),
        label=line[row.label_column] if row.label_column else "",
        facts={name: fact.of(line[fact.column]) for name, fact in row.facts.items()},
        files=tuple(files),
    )


def _clashes(images: Mapping[Key, list[str]], many_files: bool) -> list[str]:
    problems = [
        f"{' and '.join(files)} are images of the same {entry_id(key)}; narrow the row so that it selects one of them"
        for key, files in images.items()
        if len(files) > 1 and not many_files
    ]
    counts = Counter(entry_id(key) for key in images)
    repeated = [key for key in images if counts[entry_id(key)] > 1]
    return problems + [f"{images[key][0]} has the same name {entry_id(key)} as another image" for key in repeated]


def _read_lines(row: CollectionRow, table: Path) -> tuple[dict[Key, Line], list[str]]:
    wanted = (row.subject_column, row.session_column, row.label_column, *(fact.column for fact in row.facts.values()))
    columns = [column for column in dict.fromkeys(wanted) if column]
    lines: dict[Key, Line] = {}
    problems = []
    for number, line in read_table(table, columns):
        key = (line[row.subject_column], line[row.session_column] if row.session_column else "")
        if not key[0]:
            problems.append(f"line {number} of {table.name} names no subject")
        elif key in lines:
            problems.append(f"{table.name} names {entry_id(key)} twice (again in line {number})")
        else:
            lines[key] = line
    return lines, problems


def _for_all_sessions(lines: Mapping[Key, Line], images: Iterable[Key]) -> dict[Key, Line]:
    """Repeat the line of each subject for all sessions of the subject."""
    sessions = defaultdict(list)
    for key in images:
        sessions[key[0]].append(key)
    return {key: line for (subject, _), line in lines.items() for key in sessions.get(subject, [(subject, "")])}


def _unmatched(row: CollectionRow, table: str, images: set[Key], lines: set[Key], kept: set[Key]) -> list[str]:
    """Return lines without image and images without line as problems, or log them where the row says `skip`."""
    problems = []
    for keys, rule, fault in (
        (sorted(kept - images), row.missing_images, f"is in {table}, but there is no image of it"),
        (sorted(images - lines), row.unlisted_images, f"has an image, but no line in {table}"),
    ):
        if rule == "refuse":
            problems += [f"{entry_id(key)} {fault}" for key in keys]
        elif keys:
            logger.warning("%s: %d skipped, such as %s, which %s", row.folder, len(keys), entry_id(keys[0]), fault)
    return problems


def _unknown_subjects(row: CollectionRow, subjects: set[str]) -> list[str]:
    """Return names in `same_subject` that are no subject: with a misspelt name, a person could be in two splits."""
    shared = Counter(row.same_subject.values())
    known = subjects | {name for name, count in shared.items() if count > 1}
    names = [*row.same_subject, *row.same_subject.values()]
    return [f"same_subject names {name!r}, which is no subject here" for name in dict.fromkeys(names) if name not in known]
