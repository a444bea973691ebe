"""Files of a workflow that end too early: a disk that was full or a machine that went down may leave such.

Every step writes its files whole or not at all, but what happens to them afterwards is in nobody's hand, and Snakemake looks at
names and times only. What is looked at here is the end of a file, which every format that is used marks in some way; damage in
the middle is noticed by the step that reads it.
"""

from __future__ import annotations

import json
import os
import struct
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import BinaryIO

from atombench.io.files import written_whole

PARQUET_MAGIC = b"PAR1"
LONGEST_HEADER = 100_000_000  # bytes; safetensors' own limit


def cut_short(paths: Iterable[Path]) -> list[Path]:
    """Those of the files that are there and lack their end; a file that cannot be read is left to the step that reads it."""
    found = []
    for path in paths:
        check = CHECKS.get(path.suffix)
        try:
            if check is not None and path.is_file() and not check(path):
                found.append(path)
        except OSError:
            continue
    return found


def still_missing(found: Iterable[Path], ledger: Path) -> list[Path]:
    """What was removed for lacking its end, now or by an earlier call, and is not there again.

    Snakemake does not miss a file between steps while all that follows it is there; so what was removed is written down until
    it has been made.

    Args:
        found: files that are removed now.
        ledger: list of such files, one per line; kept up to date.
    """
    try:
        earlier = ledger.read_text(encoding="utf-8").splitlines()
    except OSError:
        earlier = []
    removed = {str(path) for path in found}
    missing = sorted(removed | {line for line in earlier if line and not Path(line).exists()})
    if missing or earlier:
        with written_whole(ledger) as temporary:
            temporary.write_text("".join(f"{line}\n" for line in missing), encoding="utf-8")
    return [Path(line) for line in missing]


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
