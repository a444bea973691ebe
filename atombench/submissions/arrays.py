"""Read named arrays from untrusted files: Parquet, CSV, or npz without pickles.

Sizes are checked before decompression, declared sizes are verified, and no code in a file can be executed.
"""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from atombench.engine.answers import QUERY, Column, Ragged
from atombench.errors import DataError, unknown_name

Arrays = dict[str, Column]
BYTES_PER_NUMBER = 8
BYTES_PER_CSV_NUMBER = 30
NUMBERED = re.compile(
    r"(?P<base>[a-z]+)_(?P<number>\d{1,3}|[ijk])"
)  # one column of an array, numbered from 0, or i, j, k for axes
INDEX_NAMES = ("", "Unnamed: 0", "__index_level_0__", '""')  # as pandas and R write the index of a data frame
SPARE_BYTES = 1 << 20
MOST_COLUMNS = 4000
SPARE_ROWS = 100  # more than expected that are still read, so that their names can be reported
LONGEST_LIST = 4096  # values in a row of a ragged column
LONGEST_NAME = 400  # bytes of a query name
LONGEST_HEADER = 1 << 18  # bytes of the first line of a CSV file, or of an array header


@dataclass(frozen=True)
class Expected:
    """Limits on the content of a prediction file.

    Attributes:
        rows: expected number of rows, one per query.
        widths: maximum number of values per row of each array; None for ragged arrays.
        whole: names of integer arrays.
    """

    rows: int
    widths: Mapping[str, int | None]
    whole: tuple[str, ...] = ()

    @property
    def numbers(self) -> int:
        """Maximum number of values in all arrays together."""
        return (self.rows + SPARE_ROWS) * sum(self.most(name) for name in self.widths)

    def most(self, name: str) -> int:
        """Return the maximum number of values in a row of an array."""
        width = self.widths.get(name, 1)
        return LONGEST_LIST if width is None else width

    def check_name(self, name: str) -> None:
        """Check that an array is a known column.

        Raises:
            DataError: the name is unknown; the message suggests the nearest valid name.
        """
        if name in INDEX_NAMES:
            raise DataError("a column without a name is the index of a data frame; write the file without it (index=False)")
        if name != QUERY and name not in self.widths:
            raise DataError(unknown_name("column", name[:60], [QUERY, *self.widths]))


@dataclass(frozen=True)
class Content:
    """The content of a prediction file, read once: its digest and its numbers are of the same bytes.

    Attributes:
        suffix: of the file's name, such as `.parquet`.
        data: all bytes.
        digest: SHA-256 of them.
    """

    suffix: str
    data: bytes = field(repr=False)
    digest: str

    @staticmethod
    def read(path: Path, expected: Expected) -> Content:
        """Read a file.

        Raises:
            DataError: the file is larger than any valid answers, or cannot be read.
        """
        largest = _largest(path, expected)
        try:
            with path.open("rb") as stream:
                data = stream.read(largest + 1)
        except OSError as error:
            raise DataError(error.strerror or "cannot be read") from error
        if len(data) > largest:
            msg = f"the file has {path.stat().st_size} bytes; answers to {expected.rows} queries need at most {largest}"
            raise DataError(msg)
        return Content(path.suffix, data, hashlib.sha256(data).hexdigest())


def read_arrays(content: Content, expected: Expected) -> Arrays:
    """Return the arrays of a prediction file; `query` (M,) holds query names, every other array is numeric, (M, width).

    Raises:
        DataError: the file is damaged, its content does not match its suffix, or it holds unexpected columns.
    """
    readers: dict[str, Callable[[bytes, Expected], Arrays]] = {".parquet": _parquet, ".csv": _csv, ".npz": _npz}
    reader = readers.get(content.suffix)
    if reader is None:
        msg = f"expected a file with the suffix {', '.join(readers)}, got {content.suffix or 'no suffix'}"
        raise DataError(msg)
    try:
        arrays = reader(content.data, expected)
    except DataError:
        raise
    except (Exception, MemoryError) as error:  # readers raise undocumented exceptions on damaged files
        kind = {".parquet": "Parquet", ".csv": "CSV in UTF-8", ".npz": "npz"}[content.suffix]
        msg = f"is not a valid {kind} file: {error or type(error).__name__}"
        raise DataError(msg) from error
    if QUERY not in arrays:
        raise DataError("the column 'query' with the names of the queries is missing")
    rows = {name: len(array) for name, array in arrays.items()}
    if rows[QUERY] == 0 or len(set(rows.values())) > 1:
        numbers = ", ".join(f"{name} {count}" for name, count in rows.items())
        msg = f"expected {expected.rows} rows in every column, got {numbers}"
        raise DataError(msg)
    return arrays


def _largest(path: Path, expected: Expected) -> int:
    """Return the size in bytes that no valid file exceeds."""
    per_number = BYTES_PER_CSV_NUMBER if path.suffix == ".csv" else 2 * BYTES_PER_NUMBER
    return expected.numbers * per_number + SPARE_BYTES


def _parquet(data: bytes, expected: Expected) -> Arrays:
    limits = {"thrift_string_size_limit": 1 << 22, "thrift_container_size_limit": 1 << 18}
    with pq.ParquetFile(pa.BufferReader(data), read_dictionary=[QUERY], **limits) as file:
        metadata = file.metadata
        _check_rows(metadata.num_rows, expected)
        for name in file.schema_arrow.names:
            expected.check_name(_base(name))
        _check_columns(metadata, expected)
        unpacked = sum(metadata.row_group(number).total_byte_size for number in range(metadata.num_row_groups))
        if unpacked > expected.numbers * 2 * BYTES_PER_NUMBER + SPARE_BYTES:
            msg = f"the file unpacks to {unpacked} bytes, more than any answers to {expected.rows} queries"
            raise DataError(msg)
        if QUERY in file.schema_arrow.names:
            _check_texts(file.read([QUERY], use_threads=False), expected)
        table = file.read(use_threads=False)
    table.validate(full=True)
    if len(set(table.column_names)) != len(table.column_names):
        raise DataError("the file has two columns of the same name")
    return _from_table(table, expected)


def _check_columns(metadata: pq.FileMetaData, expected: Expected) -> None:
    """Raise DataError if a column declares more values than answers can have."""
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        for index in range(group.num_columns):
            column = group.column(index)
            base = _base(column.path_in_schema.split(".")[0])
            if column.num_values > (expected.rows + SPARE_ROWS) * expected.most(base):
                msg = f"column {base[:60]!r} holds {column.num_values} values, more than any answers to {expected.rows} queries"
                raise DataError(msg)


def _check_texts(table: pa.Table, expected: Expected) -> None:
    """Raise DataError if query names are far too long; they are read as a dictionary, so repeated names use no memory."""
    if table.nbytes > expected.rows * (LONGEST_NAME + BYTES_PER_NUMBER) + SPARE_BYTES:
        msg = f"the names in 'query' take {table.nbytes} bytes, far more than {expected.rows} query names need"
        raise DataError(msg)


def _csv(data: bytes, expected: Expected) -> Arrays:
    head = io.BytesIO(data).readline(LONGEST_HEADER)
    if b"\0" in head or head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DataError("the file is not text in UTF-8; UTF-16 and binary files cannot be read")
    try:
        names = head.decode("utf-8-sig").strip("\r\n").split(",")
    except UnicodeDecodeError as error:
        msg = f"the first line is not UTF-8: {error.reason} at byte {error.start}"
        raise DataError(msg) from error
    if len(names) > MOST_COLUMNS:
        msg = f"the first line names {len(names)} columns, more than {MOST_COLUMNS}"
        raise DataError(msg)
    if repeated := [name for name, count in Counter(names).items() if count > 1]:
        msg = f"the column {repeated[0][:60]!r} appears twice in the first line"
        raise DataError(msg)
    for name in names:
        expected.check_name(_base(name))
    whole = {name for name in names if _base(name) in expected.whole}
    types = {name: pa.string() if name == QUERY else pa.int64() if name in whole else pa.float64() for name in names}
    table = pa.csv.read_csv(
        pa.BufferReader(data),
        read_options=pa.csv.ReadOptions(use_threads=False, block_size=1 << 24),
        parse_options=pa.csv.ParseOptions(quote_char=False, ignore_empty_lines=False),
        convert_options=pa.csv.ConvertOptions(column_types=types, null_values=[], strings_can_be_null=False),
    )
    _check_rows(table.num_rows, expected)
    return _from_table(table, expected)


def _check_rows(rows: int, expected: Expected) -> None:
    """Raise DataError if there are far too many rows; a few too many or too few are reported by the names of the queries."""
    if rows > expected.rows + SPARE_ROWS:
        msg = f"expected {expected.rows} rows, one per query of the board, got {rows}"
        raise DataError(msg)


def _from_table(table: pa.Table, expected: Expected) -> Arrays:
    """Return list columns as arrays, and stack numbered columns (`ranked_0`, `ranked_1`, ..., `centre_i`, ...)."""
    arrays: Arrays = {}
    numbered: dict[str, dict[int, str]] = {}
    for name in table.column_names:
        match = NUMBERED.fullmatch(name)
        if name == QUERY:
            arrays[QUERY] = _texts(table[name])
        elif match is None:
            arrays[name] = _lists(name, table[name], expected)
        else:
            axis = "ijk".find(match["number"])
            numbered.setdefault(match["base"], {})[axis if axis >= 0 else int(match["number"])] = name
    for base, columns in numbered.items():
        numbers = sorted(columns)
        if expected.widths[base] is None:
            msg = f"{base!r} is ragged; submit it as one column of lists, in Parquet"
            raise DataError(msg)
        if base in arrays or numbers != list(range(len(numbers))) or len(numbers) > expected.most(base):
            msg = f"columns of {base!r} must be numbered from 0 to at most {expected.most(base) - 1} without gaps"
            raise DataError(msg)
        arrays[base] = np.stack([_numbers(base, table[columns[key]], expected) for key in numbers], axis=1)
    return arrays


def _base(name: str) -> str:
    match = NUMBERED.fullmatch(name)
    return match["base"] if match else name


def _texts(column: pa.ChunkedArray) -> NDArray[Any]:
    if pa.types.is_dictionary(column.type):
        longest = max((pc.max(pc.binary_length(chunk.dictionary)).as_py() or 0 for chunk in column.chunks), default=0)
        if longest > LONGEST_NAME:
            msg = f"a name in 'query' has {longest} bytes, more than {LONGEST_NAME}"
            raise DataError(msg)
        column = column.cast(column.type.value_type)
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        msg = f"column 'query' must hold text, got {column.type}"
        raise DataError(msg)
    if column.null_count:
        msg = f"column 'query' has {column.null_count} missing values"
        raise DataError(msg)
    return np.asarray(column.to_pylist(), dtype=object)


def _lists(name: str, column: pa.ChunkedArray, expected: Expected) -> Column:
    kind = column.type
    if expected.widths[name] is None:
        return _ragged(name, column, expected)
    if not _is_list(kind):
        return _numbers(name, column, expected)[:, None]
    lengths = pc.list_value_length(column)
    span = pc.min_max(lengths).as_py()
    if column.null_count or span["min"] != span["max"] or not 1 <= (span["max"] or 0) <= expected.most(name):
        msg = f"column {name!r} must hold 1 to {expected.most(name)} numbers, the same count in every row, got {span}"
        raise DataError(msg)
    flat = pa.chunked_array([chunk.flatten() for chunk in column.chunks], type=kind.value_type)
    return _numbers(name, flat, expected).reshape(len(column), span["max"])


def _ragged(name: str, column: pa.ChunkedArray, expected: Expected) -> Ragged:
    """Return a column of lists of different lengths.

    Raises:
        DataError: the column does not hold lists of numbers, or a list is too long.
    """
    kind = column.type
    if not _is_list(kind):
        msg = f"column {name!r} must hold a list of numbers in every row (Parquet), got {kind}"
        raise DataError(msg)
    if column.null_count:
        msg = f"column {name!r} has {column.null_count} missing lists; use an empty list for a row without numbers"
        raise DataError(msg)
    lengths = np.asarray(pc.list_value_length(column).to_numpy(), dtype=np.int64)
    if lengths.max(initial=0) > LONGEST_LIST:
        msg = f"column {name!r} holds a list of {lengths.max()} numbers, more than {LONGEST_LIST}"
        raise DataError(msg)
    flat = pa.chunked_array([chunk.flatten() for chunk in column.chunks], type=kind.value_type)
    return Ragged(_numbers(name, flat, expected), lengths)


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _numbers(name: str, column: pa.ChunkedArray, expected: Expected) -> NDArray[Any]:
    kind = column.type
    if not (pa.types.is_integer(kind) or (pa.types.is_floating(kind) and name not in expected.whole)):
        msg = f"column {name!r} must hold {'integers' if name in expected.whole else 'numbers'}, got {kind}"
        raise DataError(msg)
    if column.null_count:
        msg = f"column {name!r} has {column.null_count} missing values"
        raise DataError(msg)
    return np.asarray(column.to_numpy())


def _npz(data: bytes, expected: Expected) -> Arrays:
    arrays: Arrays = {}
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for member in archive.infolist():
            name = member.filename.removesuffix(".npy")
            if name == member.filename:
                msg = f"the archive holds {member.filename[:60]!r}, which is not a NumPy array"
                raise DataError(msg)
            expected.check_name(name)
            if name in arrays:
                msg = f"the array {name!r} appears twice in the archive"
                raise DataError(msg)
            if member.flag_bits & 1 or member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise DataError("the archive is encrypted or uses a compression method that NumPy does not write")
            arrays[name] = _member(archive, member, name, expected)
    return arrays


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str, expected: Expected) -> NDArray[Any]:
    """Read one array; its header is checked before its content is decompressed."""
    with archive.open(member) as stream:
        version = np.lib.format.read_magic(stream)
        if version != (1, 0):  # later versions allow headers of up to 4 GB, which are not needed here
            msg = f"array {name!r} has format version {version}, expected (1, 0)"
            raise DataError(msg)
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream, max_header_size=LONGEST_HEADER)
        _check_member(name, shape, fortran, dtype, expected)
        size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        content = stream.read(size + 1)
        if len(content) != size:
            msg = f"array {name!r} declares {size} bytes but has {'more' if len(content) > size else len(content)}"
            raise DataError(msg)
    array = np.frombuffer(content, dtype).reshape(shape)
    if name == QUERY:
        return np.asarray([text.decode("utf-8") if isinstance(text, bytes) else str(text) for text in array], dtype=object)
    return array if array.ndim == 2 else array[:, None]


def _check_member(name: str, shape: tuple[int, ...], fortran: bool, dtype: np.dtype[Any], expected: Expected) -> None:
    wanted = "text" if name == QUERY else "integers" if name in expected.whole else "numbers"
    kinds = {"text": "US", "integers": "iu", "numbers": "iuf"}[wanted]
    if dtype.kind not in kinds or dtype.itemsize > (LONGEST_NAME if name == QUERY else BYTES_PER_NUMBER):
        msg = f"array {name!r} must hold {wanted}, got {dtype}"
        raise DataError(msg)
    if name != QUERY and expected.widths[name] is None:
        msg = f"array {name!r} is ragged; submit it as Parquet"
        raise DataError(msg)
    widest = 1 if name == QUERY else expected.most(name)
    if len(shape) not in (1, 2) or (name == QUERY and len(shape) == 2) or fortran:
        msg = f"array {name!r} must have shape ({expected.rows}, ...) in C order, got {shape}{' in Fortran order' * fortran}"
        raise DataError(msg)
    if shape[0] > expected.rows + SPARE_ROWS or not 1 <= (shape[1] if len(shape) == 2 else 1) <= widest:
        msg = f"array {name!r} must have {expected.rows} rows of 1 to {widest} values, got shape {shape}"
        raise DataError(msg)
