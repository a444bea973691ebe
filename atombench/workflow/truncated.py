"""Truncated files, such as a full disk or a crashed machine may leave.

Every step writes its files atomically, but they can be damaged later, and Snakemake looks at names and times only. Every format
in use marks its end, so only the ends of files are read here; the step that reads a file notices damage in its middle.
"""

from __future__ import annotations

import json
import os
import struct
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import BinaryIO

PARQUET_MAGIC = b"PAR1"
LONGEST_HEADER = 100_000_000  # bytes; safetensors' own limit


def truncated_files(paths: Iterable[Path]) -> list[Path]:
    """Return the files that exist but are truncated; an unreadable file is left to the step that reads it."""
    return [path for path in paths if path.suffix in CHECKS and _is_truncated(path)]


def _is_truncated(path: Path) -> bool:
    try:
        return path.is_file() and not CHECKS[path.suffix](path)
    except OSError:
        return False


def _json_is_whole(path: Path) -> bool:
    end = _tail(path, 4)
    return end.endswith((b"\n}\n", b"\n]\n")) or end in (b"{}\n", b"[]\n")  # the latter are the whole file


def _lines_are_whole(path: Path) -> bool:
    return _tail(path, 1) in (b"\n", b"")


def _parquet_is_whole(path: Path) -> bool:
    with path.open("rb") as stream:
        size = _size(stream)
        if size < 12 or stream.read(4) != PARQUET_MAGIC:
            return False
        stream.seek(-8, os.SEEK_END)
        footer, magic = struct.unpack("<I4s", stream.read(8))
        return magic == PARQUET_MAGIC and footer <= size - 12


def _safetensors_is_whole(path: Path) -> bool:
    with path.open("rb") as stream:
        size = _size(stream)
        if size < 8:
            return False
        (length,) = struct.unpack("<Q", stream.read(8))
        if length > min(size - 8, LONGEST_HEADER):
            return False
        try:
            header = json.loads(stream.read(length))
            ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
        except (ValueError, LookupError, TypeError, AttributeError):
            return False
        return size == 8 + length + max(ends, default=0)


def _size(stream: BinaryIO) -> int:
    return os.fstat(stream.fileno()).st_size


def _tail(path: Path, count: int) -> bytes:
    with path.open("rb") as stream:
        stream.seek(-min(count, _size(stream)), os.SEEK_END)
        return stream.read()


CHECKS: dict[str, Callable[[Path], bool]] = {
    ".json": _json_is_whole,
    ".jsonl": _lines_are_whole,
    ".parquet": _parquet_is_whole,
    ".safetensors": _safetensors_is_whole,
    ".npz": zipfile.is_zipfile,
}
