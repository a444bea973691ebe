"""Staging of a site: files are written to a hidden folder inside the output folder and moved when all are complete."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from atombench.errors import DataError

PREFIX = ".making-"


@dataclass(frozen=True)
class Passage:
    """A text inside a file with several texts: start and length in bytes."""

    file: Path
    start: int
    length: int

    def read(self) -> str:
        """Return the text."""
        with self.file.open("rb") as stream:
            stream.seek(self.start)
            return stream.read(self.length).decode()


@dataclass(frozen=True)
class Staging:
    """Staging folder of a site; several processes may write to it."""

    folder: Path

    def write(self, name: str, text: str) -> str:
        """Write a page or download; return its address."""
        with _worded(self.folder / "site" / name) as path:
            path.write_text(text, encoding="utf-8", newline="")
        return name

    def keep(self, table: str, board: str, lines: str) -> None:
        """Store the lines of one board for a table across boards."""
        with _worded(self.folder / "tables" / table / board) as path:
            path.write_text(lines, encoding="utf-8", newline="")

    def join(self, table: str, heading: str, boards: Iterable[str]) -> str:
        """Write a table across boards; return its address."""
        with _worded(self.folder / "site" / table) as path, path.open("wb") as whole:
            whole.write(heading.encode())
            for board in boards:
                with (self.folder / "tables" / table / board).open("rb") as lines:
                    shutil.copyfileobj(lines, whole)
        return table

    def keep_parts(self, board: str, parts: Mapping[str, str]) -> dict[str, Passage]:
        """Store the parts of the method pages for one board; return them by method."""
        with _worded(self.folder / "parts" / board) as path, path.open("wb") as stream:
            return {name: Passage(path, stream.tell(), stream.write(text.encode())) for name, text in parts.items()}

    def move(self, names: Iterable[str], out: Path) -> None:
        """Move finished files into place."""
        for name in names:
            with _worded(out / name) as path:
                (self.folder / "site" / name).replace(path)


@contextmanager
def staging(out: Path) -> Iterator[Staging]:
    """Create a staging folder and remove it at the end; also remove those of killed processes.

    Raises:
        DataError: the folder cannot be written.
    """
    new = not out.exists()
    with _worded(out / PREFIX):
        for old in out.glob(f"{PREFIX}*"):
            if not Path("/proc", old.name.removeprefix(PREFIX).split("-")[0]).exists():
                shutil.rmtree(old, ignore_errors=True)
        folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=out))
    try:
        yield Staging(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if new:
            with suppress(OSError):  # the folder is not empty
                out.rmdir()


@contextmanager
def _worded(path: Path) -> Iterator[Path]:
    """Create the folder of a file, and convert errors of writing there to a DataError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield path
    except OSError as error:
        msg = f"cannot write {path}: {error.strerror or error}; check free space and permissions"
        raise DataError(msg) from error
