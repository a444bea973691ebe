"""Collections: local folders of images, with or without a table. What is the same for all kinds of them.

A kind (`nifti_folder`, `bids`, `caps`, `dicom`) says which files are images, whose they are, and how they are read.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atombench.errors import DataError
from atombench.progress import logger
from atombench.volumes.curate import Problem, RawVolume, listed
from atombench.volumes.fetch import SourceFile, find_folder
from atombench.volumes.registry import CollectionRow, Percentiles, SplitCounts, Window
from atombench.volumes.sides import assign_sides
from atombench.volumes.tables import Line, read_table
from atombench.volumes.volume_set import SPLITS

Key = tuple[str, str]  # subject, session; the session is empty where there is none
Image = tuple[NDArray[np.float64], NDArray[np.float64]]  # voxels (I, J, K) in RAS order, mm per voxel (3,)


@dataclass(frozen=True)
class Member:
    """One image of a collection: its name, whose it is, and what the table says of it."""

    id: str
    subject: str
    label: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class Collection:
    """Reader of one kind of collection.

    Attributes:
        find: names of all image files of a row, in the folder.
        key: subject and session of an image file, from the row and the file's name; None for another file.
        load: voxels and spacing, from the row and the paths of one image.
        many_files: whether an image is made of many files.
    """

    find: Callable[[Any, Path], Iterable[str]]
    key: Callable[[Any, str], Key | None]
    load: Callable[[Any, list[Path]], Image]
    many_files: bool = False

    def sources(self, row: CollectionRow) -> list[SourceFile]:
        """Table and images, with the SHA-256 that the folder's own list gives, if it has one.

        Images that are to be skipped are left out.

        Raises:
            FetchError: the folder is not at hand, or its list is not the one that the row names.
            DataError: there is no image, or the table is not there or not readable.
        """
        folder = find_folder(row.folder, row.checksums, row.checksums_sha256)
        sums = _listed_sums(folder / row.checksums) if row.checksums else None
        names = sorted(self.find(row, folder) if sums is None else (name for name in sums if self.key(row, name)))
        if row.table is not None and row.table not in (sums or [row.table]):
            msg = f"{folder / str(row.checksums)} does not list {row.table}"
            raise DataError(msg)
        if not names:
            msg = f"{folder} holds no image of the kind {row.kind!r} ({_sought(row)})"  # type: ignore[attr-defined]
            raise DataError(msg)
        if row.unlisted_images == "skip" and row.table is not None:
            members, _ = self.members(row, names, folder / row.table)
            names = [name for member in members for name in member.names]
        wanted = [*([row.table] if row.table else []), *names]
        return [SourceFile(name, "sha256", sums[name] if sums else None, None, folder) for name in wanted]

    def counts(self, row: CollectionRow) -> dict[str, int]:
        """Volumes of each official split, from the row or from names and table, without reading images.

        Raises:
            FetchError: the folder is not at hand.
            DataError: the table does not fit.
        """
        if isinstance(row.split, SplitCounts):
            return {side: getattr(row.split, side) for side in SPLITS}
        paths = {file.name: file.folder / file.name for file in self.sources(row) if file.folder}
        members, problems = self._of_files(row, paths)
        if problems:
            raise DataError(listed(row.folder, problems))
        sides = list(_sides(row, members).values())
        return {side: sides.count(side) for side in SPLITS}

    def read(self, row: CollectionRow, files: dict[str, Path]) -> Iterator[RawVolume | Problem]:
        """Volumes in the order of their names, and all that is wrong with the table, the names and the images."""
        members, problems = self._of_files(row, files)
        yield from (Problem(text) for text in problems)
        sides = _sides(row, members)
        for member in members:
            if member.id not in sides:
                continue
            try:
                array, spacing = self.load(row, [files[name] for name in member.names])
            except DataError as error:
                yield Problem(str(error))
                continue
            group = row.same_subject.get(member.subject, member.subject)
            yield RawVolume(
                id=member.id, group=group, label=member.label, split=sides[member.id], spacing=spacing,
                array=scaled(array, row.intensity), source=member.names[0],
            )  # fmt: skip

    def _of_files(self, row: CollectionRow, files: dict[str, Path]) -> tuple[list[Member], list[str]]:
        names = [name for name in files if name != row.table]
        return self.members(row, names, files[row.table] if row.table else None)

    def members(self, row: CollectionRow, names: list[str], table: Path | None) -> tuple[list[Member], list[str]]:
        """Images of the collection in the order of their keys, and what is wrong with names and table.

        Raises:
            DataError: the table is not readable.
        """
        images: dict[Key, list[str]] = defaultdict(list)
        for name in sorted(names):
            if key := self.key(row, name):
                images[key].append(name)
        problems = [
            f"{' and '.join(found)} are images of the same {_called(key)}; say which is meant"
            for key, found in images.items()
            if len(found) > 1 and not self.many_files
        ]
        if table is None:
            lines: dict[Key, Line] = {key: {} for key in images}
        else:
            lines, wrong = _lines(row, table, set(images))
            problems += wrong
        kept = {key: line for key, line in lines.items() if _labelled(row, line)}
        members = [
            Member(_called(key), key[0], line[row.label_column] if row.label_column else "", tuple(images[key]))
            for key, line in sorted(kept.items())
            if key in images
        ]
        return members, problems


def _lines(row: CollectionRow, table: Path, images: set[Key]) -> tuple[dict[Key, Line], list[str]]:
    """Line of the table for each image or missing image, and what is wrong."""
    columns = [column for column in (row.subject_column, row.session_column, row.label_column) if column]
    lines: dict[Key, Line] = {}
    problems = []
    for number, line in enumerate(read_table(table, columns), 2):
        key = (line[row.subject_column], line[row.session_column] if row.session_column else "")
        if key in lines:
            problems.append(f"{table.name} names {_called(key)} twice (again in line {number})")
        lines.setdefault(key, line)
    if row.session_column is None:  # a line is about a subject, whichever sessions there are
        sessions = defaultdict(list)
        for subject, session in images:
            sessions[subject].append((subject, session))
        by_subject = {subject: line for (subject, _), line in lines.items()}
        lines = {
            key: line for subject, line in by_subject.items() for key in sessions.get(subject, [(subject, "")])
        }  # fmt: skip
    missing = sorted(key for key, line in lines.items() if key not in images and _labelled(row, line))
    unlisted = sorted(images - set(lines))
    for keys, rule, what in (
        (missing, row.missing_images, f"is in {table.name}, but there is no image of it"),
        (unlisted, row.unlisted_images, f"has an image, but no line in {table.name}"),
    ):
        if rule == "refuse":
            problems += [f"{_called(key)} {what}" for key in keys]
        elif keys:
            logger.warning("%s: %d passed over, such as %s, which %s", row.folder, len(keys), _called(keys[0]), what)
    return lines, problems


def _labelled(row: CollectionRow, line: Line) -> bool:
    return row.labels is None or line[str(row.label_column)] in row.labels


def _sides(row: CollectionRow, members: list[Member]) -> dict[str, str]:
    groups = {member.id: row.same_subject.get(member.subject, member.subject) for member in members}
    return assign_sides(groups, row.split, row.folder)


def _called(key: Key) -> str:
    return "_".join(part for part in key if part)


def _sought(row: CollectionRow) -> str:
    names = ("images", "derivative", "datatype", "suffix", "entities", "files")
    return ", ".join(f"{name}: {value}" for name in names if (value := getattr(row, name, None)))


def _listed_sums(path: Path) -> dict[str, str]:
    """Checksums by name, from a file as sha256sum writes it, with -b or without."""
    sums = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        digest, _, name = line.partition(" ")
        sums[name.strip().removeprefix("*").removeprefix("./")] = digest
    return sums


def scaled(array: NDArray[np.float64], intensity: Percentiles | Window) -> NDArray[np.float64]:
    """Bring intensities to [0, 1]; what has no spread becomes constant, which curation reports."""
    if not np.isfinite(array).all():
        return array
    low, high = intensity.window if isinstance(intensity, Window) else np.percentile(array, intensity.percentiles)
    return np.clip((array - low) / (high - low), 0.0, 1.0) if high > low else np.zeros_like(array)
