"""A folder of NIfTI files beside a table of subjects."""

from __future__ import annotations

import csv
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from atombench import streams
from atombench.errors import DataError
from atombench.volumes.curate import RawVolume
from atombench.volumes.fetch import SourceFile, find_folder
from atombench.volumes.registry import NiftiFolderRow, SplitShares

NIFTI_ERRORS = (OSError, EOFError, ValueError, TypeError, zlib.error)


def sources(row: NiftiFolderRow) -> list[SourceFile]:
    """All files of the folder that the row uses, with the SHA-256 that the folder's own list gives.

    Raises:
        FetchError: the folder is not at hand, or its list is not the one that the row names.
        DataError: the list names no image.
    """
    folder = find_folder(row.folder, row.checksums, row.checksums_sha256)
    listed: dict[str, str] = {}
    for line in (folder / row.checksums).read_text(encoding="utf-8").splitlines():
        digest, _, name = line.partition(" ")  # as sha256sum writes it, with -b or without
        listed[name.strip().removeprefix("*").removeprefix("./")] = digest
    prefix, suffix = row.images.split("{subject}")
    names = [name for name in listed if name == row.table or (name.startswith(prefix) and name.endswith(suffix))]
    if len(names) < 2 or row.table not in names:
        msg = f"{folder / row.checksums} must list {row.table} and images like {row.images}; it lists {len(names)} of them"
        raise DataError(msg)
    return [SourceFile(name, "sha256", listed[name], None, folder) for name in sorted(names)]


def read(row: NiftiFolderRow, files: dict[str, Path]) -> Iterator[RawVolume]:
    """One volume per line of the table, brought to RAS and scaled to [0, 1] by its own percentiles.

    Raises:
        DataError: the table and the images do not name the same subjects, or an image cannot be read.
    """
    table = _read_table(files[row.table], row.subject_column, row.label_column)
    images = {name: path for name, path in files.items() if name != row.table}
    expected = {row.images.format(subject=subject) for subject in table}
    if problems := [f"{name} is in the table but not in the folder" for name in sorted(expected - set(images))] + [
        f"{name} is in the folder but not in the table" for name in sorted(set(images) - expected)
    ]:
        msg = f"{row.folder}: {len(problems)} problems: " + "; ".join(problems[:10])
        raise DataError(msg)
    groups = {subject: row.same_subject.get(subject, subject) for subject in table}
    side = split_groups(sorted(set(groups.values())), row.shares, row.folder)
    for subject, line in table.items():
        array, spacing = read_image(images[row.images.format(subject=subject)])
        yield RawVolume(
            id=subject, group=groups[subject], split=side[groups[subject]], spacing=spacing,
            label=line[row.label_column] if row.label_column else "",
            array=scaled(array, row.percentiles),
        )  # fmt: skip


def scaled(array: NDArray[np.float64], percentiles: tuple[float, float]) -> NDArray[np.float64]:
    """Bring intensities between two percentiles to [0, 1]; what has no spread becomes constant, which curation reports."""
    if not np.isfinite(array).all():
        return array
    low, high = np.percentile(array, percentiles)
    return np.clip((array - low) / (high - low), 0.0, 1.0) if high > low else np.zeros_like(array)


def _read_table(path: Path, subject_column: str, label_column: str | None) -> dict[str, dict[str, str]]:
    """Lines of the table by subject."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, delimiter="\t" if path.suffix == ".tsv" else ",", strict=True)
            lines, columns = list(reader), list(reader.fieldnames or [])
    except (csv.Error, UnicodeDecodeError, OSError) as error:
        msg = f"{path} cannot be read as a table: {' '.join(str(error).split())}"
        raise DataError(msg) from error
    for column in (subject_column, label_column):
        if column is not None and column not in columns:
            msg = f"{path} has no column {column!r} (it has {', '.join(columns) or 'none'})"
            raise DataError(msg)
    if uneven := [number for number, line in enumerate(lines, 2) if None in line or None in line.values()]:
        msg = f"{path}: line {uneven[0]} has another number of fields than the header ({len(uneven)} such lines)"
        raise DataError(msg)
    subjects = [line[subject_column] for line in lines]
    if twice := sorted({subject for subject in subjects if subjects.count(subject) > 1}):
        msg = f"{path} names subjects twice: {', '.join(twice[:10])}"
        raise DataError(msg)
    return dict(zip(subjects, lines, strict=True))


def read_image(path: Path) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Voxels in the order right, anterior, superior, and mm per voxel along these axes.

    Raises:
        DataError: nibabel cannot read the file, or its voxels are not real numbers (RGB, complex).
    """
    import nibabel

    try:
        image = nibabel.as_closest_canonical(nibabel.load(path))
        if image.get_data_dtype().kind not in "iuf":
            msg = f"{path} holds voxels of type {image.get_data_dtype()}, expected real numbers"
            raise DataError(msg)
        return np.asarray(image.get_fdata(dtype=np.float64)), np.asarray(image.header.get_zooms()[:3], dtype=np.float64)
    except (*NIFTI_ERRORS, nibabel.filebasedimages.ImageFileError, nibabel.spatialimages.HeaderDataError) as error:
        msg = f"{path} cannot be read as NIfTI: {' '.join(str(error).split())}"
        raise DataError(msg) from error


def split_groups(groups: list[str], shares: SplitShares, key: str) -> dict[str, str]:
    """Put each group on one side, by a keyed order, in the given shares (rounded)."""
    order = [groups[index] for index in streams.permutation(len(groups), "split-groups", key)]
    val, test = round(shares.val * len(order)), round(shares.test * len(order))
    sides = ["val"] * val + ["test"] * test + ["train"] * (len(order) - val - test)
    return dict(zip(order, sides, strict=True))
