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
from atombench.volumes.curate import Problem, RawVolume, listed
from atombench.volumes.fetch import SourceFile, find_folder
from atombench.volumes.partition import assign_sides
from atombench.volumes.registry import CollectionRow, Percentiles, SplitCounts, Window
from atombench.volumes.roster import Key, Member, find_members
from atombench.volumes.volume_set import SPLITS

Image = tuple[NDArray[np.float64], NDArray[np.float64]]  # voxels (I, J, K) in RAS order, mm per voxel (3,)


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
        if sums is not None and row.table is not None and row.table not in sums:
            msg = f"{folder / str(row.checksums)} does not list {row.table}"
            raise DataError(msg)
        if not names:
            msg = f"{folder} holds no image of the kind {row.kind!r} ({_sought(row)})"  # type: ignore[attr-defined]
            raise DataError(msg)
        if row.unlisted_images == "skip" and row.table is not None:
            members, _ = self._members(row, names, folder / row.table)
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
        members, sides, problems = self._sided_members(row, paths)
        if problems:
            raise DataError(listed(row.folder, problems))
        return {side: sum(sides.get(member.id) == side for member in members) for side in SPLITS}

    def read(self, row: CollectionRow, files: dict[str, Path]) -> Iterator[RawVolume | Problem]:
        """Volumes in the order of their names, and all that is wrong with the table, the names and the images."""
        members, sides, problems = self._sided_members(row, files)
        yield from (Problem(text) for text in problems)
        for member in members:
            if member.id not in sides:
                continue
            try:
                array, spacing = self.load(row, [files[name] for name in member.names])
            except DataError as error:
                yield Problem(str(error))
                continue
            yield RawVolume(
                id=member.id, group=member.group, label=member.label, split=sides[member.id], spacing=spacing,
                array=scaled(array, row.intensity), source=member.names[0], facts=member.facts,
            )  # fmt: skip

    def _sided_members(self, row: CollectionRow, files: dict[str, Path]) -> tuple[list[Member], dict[str, str], list[str]]:
        """Members, the side of each that is kept, and what is wrong; then all are kept, so that all are looked at."""
        names = [name for name in files if name != row.table]
        members, problems = self._members(row, names, files[row.table] if row.table else None)
        try:
            sides = assign_sides({member.id: member.group for member in members}, row.split, row.folder)
        except DataError as error:
            problems.append(str(error))
            sides = {}
        return members, sides if not problems else {member.id: SPLITS[0] for member in members}, problems

    def _members(self, row: CollectionRow, names: list[str], table: Path | None) -> tuple[list[Member], list[str]]:
        images: dict[Key, list[str]] = defaultdict(list)
        for name in sorted(names):
            if key := self.key(row, name):
                images[key].append(name)
        return find_members(row, images, table, self.many_files)


def scaled(array: NDArray[np.float64], intensity: Percentiles | Window) -> NDArray[np.float64]:
    """Bring intensities to [0, 1]; what has no spread becomes constant, which curation reports."""
    if not np.isfinite(array).all():
        return array
    low, high = intensity.window if isinstance(intensity, Window) else np.percentile(array, intensity.percentiles)
    return np.clip((array - low) / (high - low), 0.0, 1.0) if high > low else np.zeros_like(array)


def _sought(row: CollectionRow) -> str:
    names = ("images", "derivative", "datatype", "suffix", "entities", "files")
    return ", ".join(f"{name}: {value}" for name in names if (value := getattr(row, name, None)))


def _listed_sums(path: Path) -> dict[str, str]:
    """Checksums by name, from a file as sha256sum writes it, with -b or without."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        msg = f"{path} is not a list of checksums: {error}"
        raise DataError(msg) from error
    sums = {}
    for line in lines:
        digest, _, name = line.partition(" ")
        sums[name.strip().removeprefix("*").removeprefix("./")] = digest
    return sums
