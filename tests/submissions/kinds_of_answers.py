"""Malformed prediction files, registered with the functions of kinds.py."""

import io
import pickle
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from tests.submissions.conftest import FILE, Board, write_yaml
from tests.submissions.kinds import KINDS, Attack, kind, put


def answers(name: str, expected: str, change: Callable[[dict[str, Any], Board], dict[str, Any]]) -> None:
    """Register changed arrays of an npz file."""

    def damage(folder: Path, board: Board) -> None:
        np.savez(folder / FILE, **change(board.answers(), board))

    KINDS[name] = (damage, expected)


def content(name: str, expected: str, suffix: str, make: Callable[[Board], bytes]) -> None:
    """Register another prediction file."""

    def damage(folder: Path, board: Board) -> None:
        (folder / FILE).unlink()
        (folder / f"predictions/a{suffix}").write_bytes(make(board))
        facts = board.facts()
        facts["boards"][0]["predictions"][0]["file"] = f"predictions/a{suffix}"
        write_yaml(folder, facts)

    KINDS[name] = (damage, expected)


def parquet(table: pa.Table, **options: Any) -> bytes:
    stream = io.BytesIO()
    pq.write_table(table, stream, **options)
    return stream.getvalue()


def listed(board: Board, **columns: Any) -> pa.Table:
    """Return a valid Parquet table with additional columns."""
    arrays = board.answers()
    boxes = pa.FixedSizeListArray.from_arrays(arrays["boxes"].reshape(-1), arrays["boxes"].shape[1])
    return pa.table({"query": list(arrays["query"]), "boxes": boxes, **columns})


def frame(board: Board, k: int = 3) -> pd.DataFrame:
    """Return a valid table of ranked boxes for CSV."""
    count = len(board.questions.ids)
    ranked = {f"ranked_{n}": np.full(count, n) for n in range(k)}
    return pd.DataFrame(
        {"query": board.questions.ids, **ranked, **{f"scores_{n}": np.full(count, 1.0 - n / 10) for n in range(k)}}
    )


def one_name(name: str, rows: int) -> pa.DictionaryArray:
    """Return a dictionary column with the same name in every row, stored once."""
    return pa.DictionaryArray.from_arrays(np.zeros(rows, np.int32), [name])


def csv(table: pd.DataFrame, encoding: str = "utf-8") -> bytes:
    return table.to_csv(index=False).encode(encoding)


def poses(board: Board) -> dict[str, Any]:
    count = len(board.questions.ids)
    return {"query": np.array(board.questions.ids), "centre": np.full((count, 3), 10.0), "normal": np.full((count, 3), 1.0)}


answers("missing query", r"queries without an answer: [0-9a-f]{12}$", lambda a, b: {k: v[1:] for k, v in a.items()})
answers("no rows", r"expected \d+ rows in every column, got query 0", lambda a, b: {k: v[:0] for k, v in a.items()})
answers("short column", r"rows in every column, got query \d+, boxes \d+", lambda a, b: {**a, "boxes": a["boxes"][1:]})
answers("extra query", r"more than one row: '[0-9a-f]{12}'", lambda a, b: {k: np.concatenate([v, v[:1]]) for k, v in a.items()})
answers("query twice", r"more than one row: '[0-9a-f]{12}'", lambda a, b: {**a, "query": put(a["query"], 1, a["query"][0])})
answers("unknown query", r"not queries of this board: 'zzz'", lambda a, b: {**a, "query": put(a["query"], 1, "zzz")})
answers("no queries", r"column 'query' .* is missing", lambda a, b: {"boxes": a["boxes"]})
answers("numbers as queries", r"'query' must hold text", lambda a, b: {**a, "query": np.arange(len(a["query"]))})
answers(
    "HTML as query", r"not queries of this board: '<b>", lambda a, b: {**a, "query": put(a["query"].astype("U40"), 0, "<b>x")}
)
answers("NaN", r"NaN, infinite .*row 3 ", lambda a, b: {**a, "boxes": put(a["boxes"], (2, 7), np.nan)})
answers("infinity", r"NaN, infinite .*row 1 ", lambda a, b: {**a, "boxes": put(a["boxes"], (0, 0), np.inf)})
answers("too large", r"too large numbers", lambda a, b: {**a, "boxes": put(a["boxes"].astype(float), (0, 0), 1e300)})
answers("too few boxes", r"'boxes' needs 729 numbers per row, got 700", lambda a, b: {**a, "boxes": a["boxes"][:, :700]})
answers("too many boxes", r"1 to 729 values", lambda a, b: {**a, "boxes": np.hstack([a["boxes"], a["boxes"]])})
answers("text as scores", r"'boxes' must hold numbers", lambda a, b: {**a, "boxes": a["boxes"].astype("U8")})
answers("complex scores", r"'boxes' must hold numbers", lambda a, b: {**a, "boxes": a["boxes"].astype(complex)})
answers("long doubles", r"'boxes' must hold numbers", lambda a, b: {**a, "boxes": a["boxes"].astype(np.longdouble)})
answers("true and false", r"'boxes' must hold numbers", lambda a, b: {**a, "boxes": a["boxes"] > 0.5})
answers("dates", r"'boxes' must hold numbers", lambda a, b: {**a, "boxes": a["boxes"].astype("M8[s]")})
answers("objects", r"must hold numbers", lambda a, b: {**a, "boxes": put(a["boxes"].astype(object), (0, 0), Attack())})
answers("three axes", r"shape", lambda a, b: {**a, "boxes": a["boxes"].reshape(-1, 27, 27)})
answers("Fortran order", r"C order", lambda a, b: {**a, "boxes": np.asfortranarray(a["boxes"])})
answers("no answers", r"expected 'boxes', or 'ranked'", lambda a, b: {"query": a["query"]})
answers("unknown array", r"unknown column 'boxs'; did you mean 'boxes'", lambda a, b: {"query": a["query"], "boxs": a["boxes"]})
answers(
    "two forms", r"got both", lambda a, b: {**a, "ranked": np.zeros((len(a["boxes"]), 1), int), "scores": a["boxes"][:, :1]}
)
answers(
    "ranked alone", r"must be given together", lambda a, b: {"query": a["query"], "ranked": np.zeros((len(a["boxes"]), 1), int)}
)
answers(
    "centre alone",
    r"'centre' and 'normal' must be given together",
    lambda a, b: {k: v for k, v in poses(b).items() if k != "normal"},
)
answers("no normal", r"'normal' has length zero", lambda a, b: {**poses(b), "normal": np.zeros((len(a["query"]), 3))})
answers("two axes", r"'centre' needs 3 numbers", lambda a, b: {**poses(b), "centre": np.zeros((len(a["query"]), 2))})
answers("coarse with a pose", r"needs scores of boxes", lambda a, b: {**poses(b), "coarse": a["boxes"][:, :27]})


def best(board: Board, k: int = 3, **changes: Any) -> dict[str, Any]:
    count = len(board.questions.ids)
    ranked, scores = np.tile(np.arange(k), (count, 1)), np.tile(1.0 - np.arange(k) / 10, (count, 1))
    return {"query": np.array(board.questions.ids), "ranked": ranked, "scores": scores, **changes}


answers("box 729", r"outside 0 to 728: row 2", lambda a, b: best(b, ranked=put(best(b)["ranked"], (1, 0), 729)))
answers("box -1", r"outside 0 to 728", lambda a, b: best(b, ranked=put(best(b)["ranked"], (1, 0), -1)))
answers("a box twice", r"contains a box twice: row 1", lambda a, b: best(b, ranked=put(best(b)["ranked"], (0, 1), 0)))
answers("boxes as fractions", r"'ranked' must hold integers", lambda a, b: best(b, ranked=best(b)["ranked"] + 0.5))
answers(
    "rising scores",
    r"must not increase along 'ranked'.*row 4",
    lambda a, b: best(b, scores=put(best(b)["scores"], (3, 2), 9.0)),
)
answers("negative score", r"must be positive", lambda a, b: best(b, scores=best(b)["scores"] - 5))
answers("unequal widths", r"equally many numbers", lambda a, b: best(b, scores=best(b)["scores"][:, :2]))


@kind("no probabilities", r"should contain probabilities")
def _(folder: Path, board: Board) -> None:
    write_yaml(folder, {**board.facts(), "probabilities": True})
    arrays = board.answers()
    np.savez(folder / FILE, query=arrays["query"], boxes=arrays["boxes"] * 3)


def headed(header: bytes, version: tuple[int, int] = (1, 0), length: int | None = None) -> bytes:
    """Return an npz archive with an array with a forged header."""
    size = len(header) if length is None else length
    width = 2 if version == (1, 0) else 4
    return archive_of("boxes.npy", b"\x93NUMPY" + bytes(version) + size.to_bytes(width, "little") + header)


# prediction files
def bomb(board: Board) -> bytes:
    """Return a small archive that unpacks to 300 MB, far more than its header declares."""
    stream = io.BytesIO()
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f4", "fortran_order": False, "shape": (len(board.questions.ids), 729)}
    )
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("boxes.npy", header.getvalue() + b"\0" * 300_000_000)
    return stream.getvalue()


def many_rows(_: Board) -> bytes:
    """Return a small Parquet file with 10^8 rows."""
    chunk = pa.array(np.zeros(1_000_000, np.int8))
    table = pa.table({"query": pa.chunked_array([chunk] * 100)})
    return parquet(table, compression="zstd")


def wide(board: Board) -> bytes:
    count = len(board.questions.ids)
    lists = pa.ListArray.from_arrays(np.arange(count + 1) * 20_000, np.zeros(count * 20_000, np.int8))
    return parquet(pa.table({"query": list(board.questions.ids), "boxes": lists}), compression="zstd")


def archive_of(name: str, payload: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(name, payload)
    return stream.getvalue()


def tar(_: Board) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        archive.addfile(tarfile.TarInfo("../../evil"), io.BytesIO())
    return stream.getvalue()


def ragged(board: Board) -> bytes:
    return parquet(
        pa.table({"query": list(board.questions.ids), "boxes": [[1.0] * (1 + n % 2) for n in range(len(board.questions.ids))]})
    )


for label, head in {
    "endless minus": b"-" * 60_000 + b"1",
    "unfinished": b"{'descr': '<f4', 'shape': (1,",
    "indented": b"  {'descr'\n :1\n}",
    "no type": b"{'descr': (), 'fortran_order': False, 'shape': (504, 729)}",
    "odd keys": b"{[]: 1}",
    "negative shape": b"{'descr': '<f4', 'fortran_order': False, 'shape': (504, -1)}",
    "vast shape": b"{'descr': '<f4', 'fortran_order': False, 'shape': (504, 10000000000000000000)}",
}.items():
    content(f"npz header, {label}", r"not a valid npz|shape|must", ".npz", lambda b, head=head: headed(head))
content("npz header of gigabytes", r"has format version", ".npz", lambda b: headed(b"x" * 100, (2, 0), 1_500_000_000))
content(
    "very long name, many times",
    r"names in 'query'|a name in 'query'",
    ".parquet",
    lambda b: parquet(listed(b).set_column(0, "query", one_name("x" * 6_000_000, len(b.questions.ids)))),
)
content("npz bomb", r"declares \d+ bytes|is missing", ".npz", bomb)
content("pickle as npz", r"not a valid npz", ".npz", lambda b: pickle.dumps(Attack()))
content("pickle in npz", r"must hold numbers", ".npz", lambda b: archive_of("boxes.npy", _object_array()))
content("path in npz", r"not a NumPy array|unknown column", ".npz", lambda b: archive_of("../../evil.npy", b"x"))
content("text in npz", r"not a NumPy array", ".npz", lambda b: archive_of("readme.txt", b"x"))
content("empty file", r"not a valid npz", ".npz", lambda b: b"")
content("empty parquet", r"not a valid Parquet", ".parquet", lambda b: b"")
content("half a parquet", r"not a valid Parquet", ".parquet", lambda b: parquet(listed(b))[:5000])
content("csv as parquet", r"not a valid Parquet", ".parquet", lambda b: csv(frame(b)))
content("unknown ending", r"expected a file with the suffix", ".dat", lambda b: b"x")
content("pickle", r"expected a file with the suffix", ".pkl", lambda b: pickle.dumps(Attack()))
content("tar", r"expected a file with the suffix", ".gz", tar)
content("very many rows", r"got 100000000", ".parquet", many_rows)
content("very wide rows", r"holds 40320000 values", ".parquet", wide)
content("ragged rows", r"the same count in every row", ".parquet", ragged)
content(
    "null in parquet",
    r"has 1 missing values",
    ".parquet",
    lambda b: parquet(listed(b).set_column(0, "query", pa.array([None, *b.questions.ids[1:]]))),
)
content(
    "text in parquet",
    r"must hold numbers|unknown column",
    ".parquet",
    lambda b: parquet(pa.table({"query": list(b.questions.ids), "boxes": list(b.questions.ids)})),
)
content(
    "column of structs",
    r"must hold numbers",
    ".parquet",
    lambda b: parquet(pa.table({"query": list(b.questions.ids), "boxes": [{"a": 1}] * len(b.questions.ids)})),
)
content(
    "extra column", r"unknown column 'label'", ".parquet", lambda b: parquet(listed(b, label=np.zeros(len(b.questions.ids))))
)
content("gap in columns", r"without gaps", ".csv", lambda b: csv(frame(b).drop(columns="ranked_1")))
content(
    "column twice", r"appears twice in the first line", ".csv", lambda b: csv(frame(b)).replace(b"ranked_1", b"ranked_0", 1)
)
content("csv in UTF-16", r"UTF-8", ".csv", lambda b: csv(frame(b), "utf-16"))
content("csv in Latin-1", r"UTF-8|not queries", ".csv", lambda b: csv(frame(b).assign(query="M\u00fcller"), "latin-1"))
content("csv with the index of a data frame", r"is the index of a data frame", ".csv", lambda b: frame(b).to_csv().encode())
content("csv with semicolons", r"unknown column", ".csv", lambda b: frame(b).to_csv(index=False, sep=";").encode())
content("csv with words", r"CSV.*'many'", ".csv", lambda b: csv(frame(b)).replace(b"1.0", b"many", 1))
content("csv with a hole", r"not a valid CSV", ".csv", lambda b: csv(frame(b)).replace(b",1.0,", b",,", 1))
content("csv with a short row", r"not a valid CSV.*Expected 7 columns", ".csv", lambda b: csv(frame(b)) + b"a,b\n")
content("csv with nan", r"NaN, infinite", ".csv", lambda b: csv(frame(b)).replace(b"1.0", b"nan", 1))
content("csv of zeros", r"UTF-8|not a valid", ".csv", lambda b: b"\0" * 1000)
content("csv with one long line", r"unknown column|not a valid|UTF-8", ".csv", lambda b: b"a" * 3_000_000)
content(
    "csv that is far too large",
    r"answers to \d+ queries need at most",
    ".csv",
    lambda b: csv(frame(b)) + b" " * (40 * 2934 * len(b.questions.ids)),
)


def _object_array() -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.array([Attack()], dtype=object), allow_pickle=True)
    return stream.getvalue()


ALL_KINDS = KINDS  # complete only after the import of this module
