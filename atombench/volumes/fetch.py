"""Finding source files: local copies first, by name and checksum, then the published address."""

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
    """A file that a dataset needs: its name, checksum, and where it can be had.

    Attributes:
        name: file name, or path inside `folder`.
        algorithm: `md5` or `sha256`.
        checksum: expected value, hexadecimal; None where nobody has published one. It is then taken when the file is found,
            and a later change is noticed.
        url: published address, if there is one.
        folder: the local folder in which it must lie, if it belongs to a collection found there.
    """

    name: str
    algorithm: str
    checksum: str | None
    url: str | None = None
    folder: Path | None = None


def data_dirs() -> list[Path]:
    """Folders in which the user keeps data (`ATOMBENCH_DATA_DIRS`, colon-separated).

    Raises:
        FetchError: one of them begins with the home of an unknown user.
    """
    try:
        return [Path(part).expanduser() for part in os.environ.get(DATA_DIRS, "").split(":") if part]
    except RuntimeError as error:
        msg = f"{DATA_DIRS} holds a folder that cannot be found: {error}"
        raise FetchError(msg) from error


def find_folder(name: str, listing: str | None = None, checksum: str | None = None) -> Path:
    """Find the local folder `name`; if a `listing` is named, the one whose file of that name has the given SHA-256.

    Raises:
        FetchError: there is none; says where was looked and which sums were found.
    """
    notes = []
    for top in data_dirs():
        for folder in [top / name, *([top] if top.name == name else [])]:
            if not folder.is_dir():
                continue
            if listing is None:
                return folder
            if not (folder / listing).is_file():
                notes.append(f"{folder} holds no {listing}")
                continue
            found = file_digest(folder / listing)
            if found == checksum:
                return folder
            notes.append(f"{folder / listing} has sha256 {found}, expected {checksum}")
    raise FetchError(_not_found(f"the folder {name}", None, notes))


def fetch(files: list[SourceFile], downloads: Path) -> dict[str, Path]:
    """Find or download all files and verify them; gives their paths by name.

    Raises:
        FetchError: files are missing, cannot be downloaded, or have another checksum; all of them, with both sums.
    """
    found, problems = {}, []
    for file in tracked(files, len(files), "fetch", "file"):
        try:
            found[file.name] = _fetch_one(file, downloads)
        except FetchError as error:
            problems.append(str(error))
    if problems:
        raise FetchError("\n".join(problems))
    return found


def find_local(file: SourceFile) -> tuple[Path | None, list[str]]:
    """A valid local copy of a file, if there is one; and what is wrong with those that are not valid."""
    notes: list[str] = []
    for path in _local_copies(file):
        if file.checksum is None:
            return path.absolute(), notes
        found = file_digest(path, file.algorithm)
        if found == file.checksum:
            return path.absolute(), notes  # not resolved: the name of a link says what it is, that of its target may not
        notes.append(f"{path} has {file.algorithm} {found}, expected {file.checksum}")
    return None, notes


def _fetch_one(file: SourceFile, downloads: Path) -> Path:
    path, notes = find_local(file)
    for note in notes:
        logger.warning("passed over: %s", note)
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
        path=downloads, base_url="", registry={name: f"{file.algorithm}:{file.checksum}"}, urls={name: url},
        retry_if_failed=RETRIES,
    )  # fmt: skip
    pooch.get_logger().handlers = logger.handlers  # its tries stand among our messages
    logger.info("download %s from %s", name, url)
    try:
        path = source.fetch(name, downloader=pooch.HTTPDownloader(progressbar=True, timeout=TIMEOUT_SECONDS))
    except (requests.RequestException, OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise FetchError(_not_found(name, url, [*notes, f"download failed: {reason:.300}"])) from error
    return Path(path).resolve()


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
    """Which verified files the next step reads."""

    dataset: str
    files: list[ReceiptEntry]


_RECEIPT = TypeAdapter(Receipt)


def write_receipt(path: Path, dataset: str, files: list[SourceFile], found: dict[str, Path]) -> None:
    """Record which files the next step reads, each with a checksum: the published one, or what it has now."""
    entries = [
        {
            "name": file.name, "path": str(found[file.name]), "algorithm": file.algorithm,
            "checksum": file.checksum or file_digest(found[file.name], file.algorithm), "url": file.url,
        }
        for file in files
    ]  # fmt: skip
    write_json(path, {"dataset": dataset, "files": entries})


def read_receipt(path: Path, dataset: str) -> dict[str, Path]:
    """Read a receipt; gives the files' paths by name, after checking that they are still what they were.

    Raises:
        DataError: the receipt is not valid or of another dataset, or a file has gone or changed since it was fetched.
    """
    receipt = _receipt_of(path, dataset)
    for entry in receipt.files:
        if not entry.path.is_file():
            msg = f"{entry.path} was fetched but is gone; delete {path} to fetch it again"
            raise DataError(msg)
        if (found := file_digest(entry.path, entry.algorithm)) != entry.checksum:
            sums = f"{entry.algorithm} {found}, expected {entry.checksum}"
            msg = f"{entry.path} has {sums}; delete {path} to fetch it again"
            raise DataError(msg)
    return {entry.name: entry.path for entry in receipt.files}


def read_sources(path: Path, dataset: str) -> list[dict[str, Any]]:
    """What a receipt says of the files, without where they lie.

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
