"""Where the files of a site lie until all are made: a hidden folder inside the site's, so that they can be moved into place."""

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
class Part:
    """A text in a file of many: where it begins, and how many bytes it has."""

    file: Path
    start: int
    length: int

    def read(self) -> str:
        """The text."""
        with self.file.open("rb") as stream:
            stream.seek(self.start)
            return stream.read(self.length).decode()


@dataclass(frozen=True)
class Staging:
    """The folder of a site that is being made; processes write into it side by side."""

    folder: Path

    def write(self, name: str, text: str) -> str:
        """Write a page or file; gives its address."""
        with _worded(self.folder / "site" / name) as path:
            path.write_text(text, encoding="utf-8", newline="")
        return name

    def keep(self, table: str, board: str, lines: str) -> None:
        """Keep one board's lines of a table over all boards."""
        with _worded(self.folder / "tables" / table / board) as path:
            path.write_text(lines, encoding="utf-8", newline="")

    def join(self, table: str, heading: str, boards: Iterable[str]) -> str:
        """Write a table over these boards; gives its address."""
        with _worded(self.folder / "site" / table) as path, path.open("wb") as whole:
            whole.write(heading.encode())
            for board in boards:
                with (self.folder / "tables" / table / board).open("rb") as lines:
                    shutil.copyfileobj(lines, whole)
        return table

    def keep_parts(self, board: str, parts: Mapping[str, str]) -> dict[str, Part]:
        """Keep one board's parts of the methods' pages."""
        with _worded(self.folder / "parts" / board) as path, path.open("wb") as stream:
            return {name: Part(path, stream.tell(), stream.write(text.encode())) for name, text in parts.items()}

    def move(self, names: Iterable[str], out: Path) -> None:
        """Move finished files into place."""
        for name in names:
            with _worded(out / name) as path:
                (self.folder / "site" / name).replace(path)


@contextmanager
def staging(out: Path) -> Iterator[Staging]:
    """A new staging folder; it is removed in the end, and so is what a killed process has left.

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
            with suppress(OSError):  # something was made
                out.rmdir()


@contextmanager
def _worded(path: Path) -> Iterator[Path]:
    """Make the folder of a file; say in one line what is wrong with writing there."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield path
    except OSError as error:
        msg = f"cannot write {path}: {error.strerror or error}; check free space and permissions"
        raise DataError(msg) from error
