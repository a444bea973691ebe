"""Tables of a collection: CSV or TSV, one line per subject or session."""

from __future__ import annotations

import csv
from pathlib import Path

from atombench.errors import DataError

Line = dict[str, str]


def read_table(path: Path, columns: list[str]) -> list[tuple[int, Line]]:
    """Read the lines of a table with their numbers in the file; fields are stripped of surrounding blanks.

    A byte-order mark and line ends of any kind are accepted; empty lines are skipped.

    Args:
        path: ends in `.tsv` if fields are separated by tabs.
        columns: the columns that must exist.

    Raises:
        DataError: the file is not a table, lacks a column or names one twice, or has a line with another number of fields
            than its header.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, delimiter="\t" if path.suffix == ".tsv" else ",", strict=True)
            lines = [(reader.line_num, line) for line in reader]
            header = list(reader.fieldnames or [])
    except (csv.Error, UnicodeDecodeError, OSError) as error:
        msg = f"{path} cannot be read as a table: {' '.join(str(error).split())}"
        raise DataError(msg) from error
    for column in columns:
        if header.count(column) != 1:
            fault = "names the column {!r} more than once" if column in header else "has no column {!r}"
            msg = f"{path} {fault.format(column)} (it has {', '.join(header) or 'none'})"
            raise DataError(msg)
    if uneven := [number for number, line in lines if None in line or None in line.values()]:
        msg = f"{path}: line {uneven[0]} has another number of fields than the header ({len(uneven)} such lines)"
        raise DataError(msg)
    return [(number, {name: value.strip() for name, value in line.items()}) for number, line in lines]
