"""Collections: local folders of images, with or without a table. This module holds what all kinds of them share.

A kind (`nifti_folder`, `bids`, `caps`, `dicom`) tells which files are images, to which subject they belong, and how to read
them.
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
from atombench.volumes.brain import extracted, robex_mask
from atombench.volumes.fetch import SourceFile, find_folder
from atombench.volumes.image import Image
from atombench.volumes.partition import assign_partition
from atombench.volumes.raw_volume import Problem, RawVolume, listed
from atombench.volumes.registry import CollectionRow, NiftiFolderRow, Percentiles, SplitCounts, Window
from atombench.volumes.roster import Entry, Key, read_roster
from atombench.volumes.volume_set import SPLITS


@dataclass(frozen=True)
class Collection:
    """Reader of one kind of collection.

    Attributes:
        find: returns the names of all image files, from the row and the folder.
        key: returns subject and session of an image file, from the row and the file's name; None for other files.
        load: reads one image, from the row and the paths of its files.
        many_files: whether an image consists of several files.
    """

    find: Callable[[Any, Path], Iterable[str]]
    key: Callable[[Any, str], Key | None]
    load: Callable[[Any, list[Path]], Image]
    many_files: bool = False

    def sources(self, row: CollectionRow) -> list[SourceFile]:
        """Return table and images, with the SHA-256 from the folder's own list if the row names one.

        Images that the row says to skip are left out.

        Raises:
            FetchError: the folder was not found, or its list is not the one that the row names.
            DataError: there is no image, or the table is missing or cannot be read.
        """
        folder = find_folder(row.folder, row.checksums, row.checksums_sha256)
        sums = _listed_sums(folder / row.checksums) if row.checksums else None
        names = sorted(self.find(row, folder) if sums is None else (name for name in sums if self.key(row, name)))
        if sums is not None and row.table is not None and row.table not in sums:
            msg = f"{folder / str(row.checksums)} does not list {row.table}"
            raise DataError(msg)
        if not names:
            msg = f"{folder} holds no image of the kind {row.kind!r} ({_sought(row)})"  # type: ignore[attr-defined]  # every row has one
            raise DataError(msg)
        if row.unlisted_images == "skip" and row.table is not None:
            entries, _ = self._roster(row, names, folder / row.table)
            names = [name for entry in entries for name in entry.files]
        names += [name for name in self._further_files(row, names) if name not in names]
        if sums is not None and (unlisted := [name for name in names if name not in sums]):
            msg = f"{folder / str(row.checksums)} does not list {', '.join(unlisted[:5])}"
            raise DataError(msg)
        wanted = [*([row.table] if row.table else []), *names]
        return [SourceFile(name, "sha256", sums[name] if sums else None, None, folder) for name in wanted]

    def counts(self, row: CollectionRow) -> dict[str, int]:
        """Return the number of volumes of each split, from the row or from names and table, without reading images.

        Raises:
            FetchError: the folder was not found.
            DataError: names and table do not match.
        """
        if isinstance(row.split, SplitCounts):
            return {split: getattr(row.split, split) for split in SPLITS}
        paths = {file.name: file.folder / file.name for file in self.sources(row) if file.folder}
        entries, partition, problems = self._partitioned(row, paths)
        if problems:
            raise DataError(listed(row.folder, problems))
        return {split: sum(partition.get(entry.id) == split for entry in entries) for split in SPLITS}

    def read(self, row: CollectionRow, files: dict[str, Path]) -> Iterator[RawVolume | Problem]:
        """Yield the volumes in the order of their names, and every problem with the table, the names and the images."""
        entries, partition, problems = self._partitioned(row, files)
        yield from (Problem(text) for text in problems)
        for entry in entries:
            if entry.id not in partition:
                continue
            try:
                yield self._volume(row, entry, partition[entry.id], files)
            except DataError as error:
                yield Problem(str(error))

    def _volume(self, row: CollectionRow, entry: Entry, split: str, files: dict[str, Path]) -> RawVolume:
        """Read the image of an entry and its other contrasts.

        Raises:
            DataError: a file cannot be read, or a contrast has another grid.
        """
        image = self._brain(row, entry, self.load(row, [files[name] for name in entry.files]), files)
        contrasts = {}
        for contrast, name in self._contrasts(row, entry.files[0]).items():
            other = self.load(row, [files[name]])
            if other.voxels.shape != image.voxels.shape or not _same_place(other, image):
                msg = f"{name} is not on the grid of {entry.files[0]}; resample it first"
                raise DataError(msg)
            contrasts[contrast] = scaled(other.voxels, row.intensity)
        return RawVolume(
            id=entry.id,
            group=entry.group,
            label=entry.label,
            split=split,
            array=scaled(image.voxels, row.intensity),
            spacing=image.spacing,
            source=entry.files[0],
            facts=entry.facts,
            affine=image.affine,
            contrasts=contrasts,
        )

    def _brain(self, row: CollectionRow, entry: Entry, image: Image, files: dict[str, Path]) -> Image:
        """Return the brain of an image if the row asks for it, else the image."""
        if not isinstance(row, NiftiFolderRow) or row.brain is None:
            return image
        name = entry.files[0]
        if row.brain_mask is None:
            return extracted(image, robex_mask(image, name), name)
        mask = self.load(row, [files[self._filled(row, row.brain_mask, name)]])
        if not _same_place(mask, image):
            msg = f"the mask of {name} is not on its grid"
            raise DataError(msg)
        return extracted(image, mask.voxels > 0, name)

    def _contrasts(self, row: CollectionRow, name: str) -> dict[str, str]:
        """Return the file of each other contrast of the image with this file name."""
        if not isinstance(row, NiftiFolderRow):
            return {}
        return {contrast: self._filled(row, path, name) for contrast, path in row.contrasts.items()}

    def _filled(self, row: CollectionRow, path: str, name: str) -> str:
        """Return a path with subject and session of the image with this file name."""
        subject, session = self.key(row, name) or ("", "")
        return path.format(subject=subject, session=session)

    def _further_files(self, row: CollectionRow, names: list[str]) -> list[str]:
        """Return the contrasts and masks of images."""
        if not isinstance(row, NiftiFolderRow):
            return []
        return sorted({self._filled(row, path, name) for name in names for path in row.further_images})

    def _partitioned(self, row: CollectionRow, files: dict[str, Path]) -> tuple[list[Entry], dict[str, str], list[str]]:
        """Return all entries, the split of each that is kept, and the problems.

        If there are problems, all entries are kept, so that every image is checked too.
        """
        names = [name for name in files if name != row.table]
        entries, problems = self._roster(row, names, files[row.table] if row.table else None)
        try:
            partition = assign_partition({entry.id: entry.group for entry in entries}, row.split, row.folder)
        except DataError as error:
            problems.append(str(error))
        if problems:
            partition = {entry.id: SPLITS[0] for entry in entries}
        return entries, partition, problems

    def _roster(self, row: CollectionRow, names: list[str], table: Path | None) -> tuple[list[Entry], list[str]]:
        images: dict[Key, list[str]] = defaultdict(list)
        for name in sorted(names):
            if key := self.key(row, name):
                images[key].append(name)
        return read_roster(row, images, table, self.many_files)


def _same_place(first: Image, second: Image) -> bool:
    """Return whether both images have equal affines, to a thousandth of a mm, or none."""
    if first.affine is None or second.affine is None:
        return first.affine is second.affine
    return bool(np.allclose(first.affine, second.affine, rtol=0, atol=1e-3))


def scaled(array: NDArray[np.float64], intensity: Percentiles | Window) -> NDArray[np.float64]:
    """Scale intensities to [0, 1]; an image without spread becomes constant, which curation reports."""
    if not np.isfinite(array).all():
        return array
    low, high = intensity.window if isinstance(intensity, Window) else np.percentile(array, intensity.percentiles)
    return np.clip((array - low) / (high - low), 0.0, 1.0) if high > low else np.zeros_like(array)


def _sought(row: CollectionRow) -> str:
    """Return the fields of the row that select images, for messages."""
    names = ("images", "derivative", "datatype", "suffix", "entities", "files")
    return ", ".join(f"{name}: {value}" for name in names if (value := getattr(row, name, None)))


def _listed_sums(path: Path) -> dict[str, str]:
    """Read checksums by name from a file that sha256sum wrote, with -b or without."""
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
