"""Atomic writing of files, and checksums."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from atombench.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

PARTIAL = ".partial"


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder; rename it to `path` if the block succeeds, delete it otherwise.

    A killed process leaves at most its own `.partial` file, which the next writer of the same path removes.

    Raises:
        DataError: the folder or file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_orphans(path)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.{os.getpid()}.", suffix=PARTIAL, dir=path.parent)
        os.close(handle)
    except OSError as error:
        msg = f"cannot write {path}: {error.strerror or error}; check that the folder exists and is writable"
        raise DataError(msg) from error
    temporary = Path(name)
    try:
        yield temporary
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        temporary.replace(path)
    except OSError as error:
        if error.filename and Path(error.filename) not in (path, temporary):
            raise  # an error of another file
        msg = f"cannot write {path}: {error.strerror or error}; check free space and permissions"
        raise DataError(msg) from error
    finally:
        temporary.unlink(missing_ok=True)


def _remove_orphans(path: Path) -> None:
    for orphan in path.parent.glob(f".{path.name}.*{PARTIAL}"):
        process = orphan.name.removeprefix(f".{path.name}.").split(".")[0]
        if not (process.isdigit() and Path(f"/proc/{process}").exists()):
            orphan.unlink(missing_ok=True)


def write_json(path: Path, content: Any) -> None:
    """Write `content` as indented JSON with sorted keys; raise a ValueError for NaN and infinity."""
    text = json.dumps(content, indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False)
    with written_whole(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        DataError: the file is missing or is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        msg = f"cannot read {path}: {error.strerror or error}"
        raise DataError(msg) from error
    except ValueError as error:
        msg = f"{path} is not valid JSON ({error}); delete it and run the step again"
        raise DataError(msg) from error


def file_digest(path: Path, algorithm: str = "sha256") -> str:
    """Return the checksum of a file as hexadecimal text.

    Raises:
        DataError: the file cannot be read.
    """
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, algorithm).hexdigest()
    except OSError as error:
        msg = f"cannot read {path}: {error.strerror or error}"
        raise DataError(msg) from error


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically."""
    with written_whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def save_array(path: Path, array: NDArray[Any]) -> None:
    """Write one array in NumPy's format, without pickles."""
    with written_whole(path) as temporary, temporary.open("wb") as stream:
        np.save(stream, np.ascontiguousarray(array), allow_pickle=False)


def save_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table as CSV."""
    with written_whole(path) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n")
