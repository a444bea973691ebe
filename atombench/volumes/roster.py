"""Who is who in a collection: images and lines of its table brought together, and all that does not fit."""

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
class Member:
    """One image of a collection: its files, whose it is, and what the table says of it.

    Attributes:
        id: subject and session in one word.
        group: the person, where several subjects are one.
    """

    id: str
    group: str
    label: str
    facts: Mapping[str, str]
    names: tuple[str, ...]


def find_members(
    row: CollectionRow, images: Mapping[Key, list[str]], table: Path | None, many_files: bool
) -> tuple[list[Member], list[str]]:
    """Images of a collection in the order of their keys, and what is wrong with names and table.

    Args:
        row: the registry row.
        images: files of each image.
        table: where the table lies, if there is one.
        many_files: whether an image may be made of several files.

    Raises:
        DataError: the table is not readable.
    """
    problems = _clashes(images, many_files)
    lines: dict[Key, Line] = {key: {} for key in images}
    if table is not None:
        lines, wrong = _read_lines(row, table)
        problems += wrong
        if row.session_column is None:
            lines = _for_all_sessions(lines, images)
    problems += _unknown_subjects(row, {subject for subject, _ in {**images, **lines}})
    kept = {key: line for key, line in lines.items() if row.labels is None or line[str(row.label_column)] in row.labels}
    if table is not None:
        problems += _unmatched(row, table.name, set(images), set(lines), set(kept))
        if lines and not kept:
            found = sorted({line[str(row.label_column)] for line in lines.values()})
            problems.append(f"no line of {table.name} has a label of {list(row.labels or ())}; there are {', '.join(found)}")
    members = [
        Member(
            called(key),
            person(row, key[0]),
            line[row.label_column] if row.label_column else "",
            {name: fact.of(line[fact.column]) for name, fact in row.facts.items()},
            tuple(images[key]),
        )
        for key, line in sorted(kept.items())
        if key in images
    ]
    return members, problems


def called(key: Key) -> str:
    """Subject and session in one word."""
    return "_".join(part for part in key if part)


def person(row: CollectionRow, subject: str) -> str:
    """Who a subject is, following `same_subject` to its end."""
    while subject in row.same_subject:
        subject = row.same_subject[subject]
    return subject


def _clashes(images: Mapping[Key, list[str]], many_files: bool) -> list[str]:
    problems = [
        f"{' and '.join(found)} are images of the same {called(key)}; say which is meant"
        for key, found in images.items()
        if len(found) > 1 and not many_files
    ]
    names = Counter(called(key) for key in images)
    twice = [key for key in images if names[called(key)] > 1]
    return problems + [f"{images[key][0]} has the same name {called(key)} as another image" for key in twice]


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
            problems.append(f"{table.name} names {called(key)} twice (again in line {number})")
        else:
            lines[key] = line
    return lines, problems


def _for_all_sessions(lines: Mapping[Key, Line], images: Iterable[Key]) -> dict[Key, Line]:
    """A line that is about a subject holds for all its sessions."""
    sessions = defaultdict(list)
    for key in images:
        sessions[key[0]].append(key)
    return {key: line for (subject, _), line in lines.items() for key in sessions.get(subject, [(subject, "")])}


def _unmatched(row: CollectionRow, table: str, images: set[Key], lines: set[Key], kept: set[Key]) -> list[str]:
    """Lines without image and images without line, as problems or, where the row says so, as a warning."""
    problems = []
    for keys, rule, what in (
        (sorted(kept - images), row.missing_images, f"is in {table}, but there is no image of it"),
        (sorted(images - lines), row.unlisted_images, f"has an image, but no line in {table}"),
    ):
        if rule == "refuse":
            problems += [f"{called(key)} {what}" for key in keys]
        elif keys:
            logger.warning("%s: %d passed over, such as %s, which %s", row.folder, len(keys), called(keys[0]), what)
    return problems


def _unknown_subjects(row: CollectionRow, subjects: set[str]) -> list[str]:
    """Names in `same_subject` that mean nobody: a misspelt one would let a person onto two sides."""
    shared = Counter(row.same_subject.values())
    means_somebody = subjects | {name for name, count in shared.items() if count > 1}
    names = [*row.same_subject, *row.same_subject.values()]
    return [
        f"same_subject names {name!r}, which is no subject here" for name in dict.fromkeys(names) if name not in means_somebody
    ]
