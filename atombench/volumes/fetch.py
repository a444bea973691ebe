"""Find source files: local copies first, by name and checksum, then the published address."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, TypeAdapter

from atombench.errors import DataError, FetchError
from atombench.io.files import file_digest, write_json
from atombench.io.schema import read_model
from atombench.progress import logger, tracked

DATA_DIRS = "ATOMBENCH_DATA_DIRS"
RETRIES = 3
TIMEOUT_SECONDS = 60


@dataclass(frozen=True)
class SourceFile:
    """A file that a dataset needs, its checksum and its address.

    Attributes:
        name: file name, or path inside `folder`.
        algorithm: `md5` or `sha256`.
        checksum: expected value, hexadecimal; None where none is published. It is then computed when the file is found,
            and a later change is detected.
        url: published address, if there is one.
        folder: the local folder that must hold it, for a file of a collection.
    """

    name: str
    algorithm: str
    checksum: str | None
    url: str | None = None
    folder: Path | None = None


def data_dirs() -> list[Path]:
    """Return the folders in which the user keeps data (`ATOMBENCH_DATA_DIRS`, colon-separated).

    Raises:
        FetchError: one of them starts with the home of an unknown user.
    """
    try:
        return [Path(part).expanduser() for part in os.environ.get(DATA_DIRS, "").split(":") if part]
    except RuntimeError as error:
        msg = f"{DATA_DIRS} holds a folder that cannot be found: {error}"
        raise FetchError(msg) from error


def find_folder(name: str, listing: str | None = None, checksum: str | None = None) -> Path:
    """Return the local folder `name`; if `listing` is given, the one whose file of that name has the given SHA-256.

    Raises:
        FetchError: there is none; the message tells the folders searched and the checksums found.
    """
    notes = []
    for folder in _folders(name):
        if listing is None:
            return folder
        if not (folder / listing).is_file():
            notes.append(f"{folder} holds no {listing}")
            continue
        actual = file_digest(folder / listing)
        if actual == checksum:
            return folder
        notes.append(f"{folder / listing} has sha256 {actual}, expected {checksum}")
    raise FetchError(_not_found(f"the folder {name}", None, notes))


def _folders(name: str) -> Iterator[Path]:
    """Yield the folders with a name in the data folders, or the one with an absolute path."""
    places = [Path(name)] if Path(name).is_absolute() else [top / name for top in data_dirs()]
    places += [top for top in data_dirs() if top.name == name]
    yield from (place for place in places if place.is_dir())


def fetch(files: list[SourceFile], downloads: Path) -> dict[str, Path]:
    """Find or download all files and verify them; return their paths by name.

    Raises:
        FetchError: files are missing, cannot be downloaded, or have a wrong checksum; the message lists all of them.
    """
    paths, problems = {}, []
    for file in tracked(files, len(files), "fetch", "file"):
        try:
            paths[file.name] = _fetch_one(file, downloads)
        except FetchError as error:
            problems.append(str(error))
    if problems:
        raise FetchError("\n".join(problems))
    return paths


def find_local(file: SourceFile) -> tuple[Path | None, list[str]]:
    """Return a valid local copy of a file, or None, and what is wrong with the copies that are not valid."""
    notes: list[str] = []
    for path in _local_copies(file):
        if file.checksum is None:
            return path.absolute(), notes
        actual = file_digest(path, file.algorithm)
        if actual == file.checksum:
            return path.absolute(), notes  # not resolved: readers need the name of a link, not that of its target
        notes.append(f"{path} has {file.algorithm} {actual}, expected {file.checksum}")
    return None, notes


def _fetch_one(file: SourceFile, downloads: Path) -> Path:
    path, notes = find_local(file)
    for note in notes:
        logger.warning("skipped: %s", note)
    if path is not None:
        return path
    if file.url is None:
        raise FetchError(_not_found(file.name, None, notes))
    return _download(file, file.url, downloads, notes)


def _local_copies(file: SourceFile) -> Iterator[Path]:
    if file.folder is not None:
        yield from (path for path in [file.folder / file.name] if path.is_file())
        return
    for top in data_dirs():
        yield from sorted(path for path in top.rglob(file.name) if path.is_file())


def _download(file: SourceFile, url: str, downloads: Path, notes: list[str]) -> Path:
    import pooch
    import requests

    name = Path(file.name).name
    source = pooch.create(
        path=downloads,
        base_url="",
        registry={name: f"{file.algorithm}:{file.checksum}"},
        urls={name: url},
        retry_if_failed=RETRIES,
    )
    pooch.get_logger().handlers = logger.handlers  # its attempts appear in our log
    if not (downloads / name).is_file():
        logger.info("download %s (%s) from %s", name, _size(url), url)
    try:
        path = source.fetch(name, downloader=pooch.HTTPDownloader(progressbar=True, timeout=TIMEOUT_SECONDS))
    except (requests.RequestException, OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise FetchError(_not_found(name, url, [*notes, f"download failed: {reason:.300}"])) from error
    return Path(path).resolve()


def _size(url: str) -> str:
    """Return the size that a server states for a file, as text."""
    import requests

    try:
        answer = requests.head(url, timeout=TIMEOUT_SECONDS, allow_redirects=True)
        answer.raise_for_status()
        return f"{int(answer.headers['Content-Length']) / 1e6:,.1f} MB"
    except (requests.RequestException, KeyError, ValueError):
        return "unknown size"


def _not_found(what: str, url: str | None, notes: list[str]) -> str:
    looked = "in " + ", ".join(map(str, data_dirs())) if data_dirs() else f"nowhere, since {DATA_DIRS} is not set"
    where = f"; published at {url}" if url else "; it has no published address"
    problems = "".join(f"; {note}" for note in notes)
    return f"no valid copy of {what}: looked {looked}{problems}{where}; put a copy into a folder named in {DATA_DIRS}"


class ReceiptEntry(BaseModel):
    """One verified file."""

    name: str
    path: Path
    algorithm: Literal["md5", "sha256"]
    checksum: str
    url: str | None = None


class Receipt(BaseModel):
    """The verified files that the next step reads."""

    dataset: str
    files: list[ReceiptEntry]


_RECEIPT = TypeAdapter(Receipt)


def write_receipt(path: Path, dataset: str, files: list[SourceFile], paths: dict[str, Path]) -> None:
    """Record the files that the next step reads, each with its published checksum or, without one, its current one."""
    entries = [
        {
            "name": file.name,
            "path": str(paths[file.name]),
            "algorithm": file.algorithm,
            "checksum": file.checksum or file_digest(paths[file.name], file.algorithm),
            "url": file.url,
        }
        for file in files
    ]
    write_json(path, {"dataset": dataset, "files": entries})


def read_receipt(path: Path, dataset: str) -> dict[str, Path]:
    """Read a receipt and check that its files are unchanged; return their paths by name.

    Raises:
        DataError: the receipt is not valid or of another dataset, or a file is missing or has changed since it was fetched.
    """
    receipt = _receipt_of(path, dataset)
    for entry in receipt.files:
        if not entry.path.is_file():
            msg = f"{entry.path} was fetched but is gone; delete {path} to fetch it again"
            raise DataError(msg)
        if (actual := file_digest(entry.path, entry.algorithm)) != entry.checksum:
            sums = f"{entry.algorithm} {actual}, expected {entry.checksum}"
            msg = f"{entry.path} has {sums}; delete {path} to fetch it again"
            raise DataError(msg)
    return {entry.name: entry.path for entry in receipt.files}


def read_sources(path: Path, dataset: str) -> list[dict[str, Any]]:
    """Read the entries of a receipt, without the local paths.

    Raises:
        DataError: the receipt is not valid or of another dataset.
    """
    return [entry.model_dump(exclude={"path"}) for entry in _receipt_of(path, dataset).files]


def _receipt_of(path: Path, dataset: str) -> Receipt:
    receipt = read_model(_RECEIPT, path)
    if receipt.dataset != dataset:
        msg = f"{path} is the receipt of {receipt.dataset!r}, expected that of {dataset!r}"
        raise DataError(msg)
    return receipt
