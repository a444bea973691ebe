"""Published archives (zip, tar, tar.gz) of collections: found or downloaded, verified, and unpacked once."""

from __future__ import annotations

import hashlib
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, TypeVar, cast

from atombench.errors import DataError, FetchError
from atombench.progress import logger
from atombench.volumes.fetch import SourceFile, fetch, find_folder
from atombench.volumes.patterns import key_of_name
from atombench.volumes.registry import Archive, CollectionRow, DataRow, NiftiFolderRow, PatternRow

DOWNLOADS = Path("results/downloads")
LARGEST_RATIO = 50  # of the size of all members to that of their archive
SLACK_BYTES = 2**30  # which an archive may exceed that ratio by
DAMAGED = (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, OSError)
Row = TypeVar("Row", bound=DataRow)


@dataclass(frozen=True)
class Member:
    """A regular file in an archive: its name, size in bytes, and a function that opens it."""

    name: str
    size: int
    open: Callable[[], IO[bytes]]


def unpacked(row: Row, downloads: Path = DOWNLOADS, download: bool = False) -> Row:
    """Return a row whose folder exists, if its archives have been unpacked; other rows are returned unchanged.

    A folder of that name in `ATOMBENCH_DATA_DIRS` takes precedence.

    Args:
        row: row of the registry.
        downloads: folder of downloads, in which archives are unpacked.
        download: whether to find, or download, and unpack archives that have not been unpacked.

    Raises:
        FetchError: an archive was not found, cannot be downloaded, or has a wrong checksum.
        DataError: an archive is damaged, or holds names that lead outside or far more data than its size suggests.
    """
    if not isinstance(row, CollectionRow) or not row.archives:
        return row
    try:
        find_folder(row.folder, row.checksums, row.checksums_sha256)
    except FetchError:
        place = _place(row, downloads)
    else:
        return row
    if not place.is_dir():
        if not download:
            names = ", ".join(archive.name for archive in row.archives)
            msg = f"{row.folder} has not been unpacked from {names}; `atombench fetch` does that"
            raise FetchError(msg)
        _unpack(row, place, downloads)
    return cast(Row, row.model_copy(update={"folder": str(place.absolute())}))


def _place(row: CollectionRow, downloads: Path) -> Path:
    """Return the folder of a row's unpacked archives, which depends on their content and on what is picked from them."""
    about = "\n".join([*(archive.model_dump_json() for archive in row.archives), *_patterns(row), str(row.table)])
    return downloads / f"{row.folder}-{hashlib.sha256(about.encode()).hexdigest()[:12]}"


def _unpack(row: CollectionRow, place: Path, downloads: Path) -> None:
    files = [SourceFile(archive.name, *archive.checksum, archive.url) for archive in row.archives]
    paths = fetch(files, downloads)
    downloads.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=downloads, prefix="unpacking-") as temporary:
        whole = Path(temporary) / "whole"
        whole.mkdir()
        count = sum(_extract(archive, paths[archive.name], whole, row) for archive in row.archives)
        if not count:
            msg = f"{row.folder}: no member of its archives matches {_patterns(row)}"
            raise DataError(msg)
        whole.rename(place)
    logger.info("unpacked %d files of %s to %s", count, row.folder, place)


def _extract(archive: Archive, path: Path, target: Path, row: CollectionRow) -> int:
    """Write the wanted members of an archive below a folder; return their number."""
    left, count = LARGEST_RATIO * path.stat().st_size + SLACK_BYTES, 0
    try:
        with _members(path) as members:
            for member in members:
                name = _inside(member.name, archive, path)
                if name is None or not _wanted(name, row):
                    continue
                left -= member.size
                if left < 0:
                    msg = f"{path} unpacks to more than {LARGEST_RATIO} times its size"
                    raise DataError(msg)
                destination = target / name
                destination.parent.mkdir(parents=True, exist_ok=True)
                with member.open() as source, destination.open("xb") as copy:
                    shutil.copyfileobj(source, copy)
                count += 1
    except DAMAGED as error:
        msg = f"{path} cannot be unpacked: {error}"
        raise DataError(msg) from error
    return count


def _inside(name: str, archive: Archive, path: Path) -> str | None:
    """Return the name of a member below the row's folder; None if it is not below the archive's top folder.

    Raises:
        DataError: the name leads outside.
    """
    parts = PurePosixPath(name).parts
    if "\\" in name or "\0" in name or name.startswith("/") or ".." in parts:
        msg = f"{path} holds a member whose name leads outside: {name[:200]!r}"
        raise DataError(msg)
    top = PurePosixPath(archive.top).parts
    if parts[: len(top)] != top or len(parts) == len(top):
        return None
    return str(PurePosixPath(archive.into, *parts[len(top) :]))


def _patterns(row: CollectionRow) -> list[str]:
    """Return the patterns of all files of a row besides its table; none for kinds without a pattern."""
    if isinstance(row, NiftiFolderRow):
        return [row.images, *row.further_images]
    return [row.images] if isinstance(row, PatternRow) else []


def _wanted(name: str, row: CollectionRow) -> bool:
    """Return whether a member belongs to the collection: an image, the table, or any file of a kind without a pattern."""
    patterns = _patterns(row)
    return not patterns or name in (row.table, *patterns) or any(key_of_name(pattern, name) for pattern in patterns)


@contextmanager
def _members(path: Path) -> Iterator[Iterator[Member]]:
    """Open an archive; yield its regular files, without links and devices.

    Raises:
        DataError: the file is neither a zip nor a tar archive.
    """
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            yield (_of_zip(archive, info) for info in archive.infolist() if _is_plain(info))
    elif tarfile.is_tarfile(path):
        with tarfile.open(path) as tar:
            yield (_of_tar(tar, info) for info in tar if info.isreg())
    else:
        msg = f"{path} is neither a zip nor a tar archive"
        raise DataError(msg)


def _is_plain(info: zipfile.ZipInfo) -> bool:
    kind = info.external_attr >> 28  # upper bits of the Unix mode: 8 for a regular file, 0 if unknown
    return not info.is_dir() and kind in (0, 8)


def _of_zip(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Member:
    return Member(info.filename, info.file_size, lambda: archive.open(info))


def _of_tar(tar: tarfile.TarFile, info: tarfile.TarInfo) -> Member:
    def opened() -> IO[bytes]:
        stream = tar.extractfile(info)
        if stream is None:
            msg = f"{info.name} is not a file"
            raise DataError(msg)
        return stream

    return Member(info.name, info.size, opened)
