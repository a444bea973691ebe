"""Fuzz tests: ten thousand damaged submissions; none crashes, hangs, writes outside its folder or runs code.

A damaged number may leave a valid submission, so any outcome is accepted: a list of problems, or none.
"""

import copy
import io
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from atombench.submissions.queries import write_queries
from atombench.submissions.validate import validate
from tests.submissions.conftest import Board, write_yaml

K = 2
EXAMPLES, IN_CI, IN_UNIT_TESTS = 10_000, 2_500, 300
HANG = timedelta(seconds=10)


def best(board: Board) -> dict[str, np.ndarray]:
    count = len(board.questions.ids)
    return {
        "query": np.array(board.questions.ids),
        "ranked": np.tile(np.arange(K), (count, 1)),
        "scores": np.tile(1.0 - np.arange(K) / 10, (count, 1)).astype(np.float32),
    }


def as_npz(board: Board) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, **best(board))
    return stream.getvalue()


def as_parquet(board: Board) -> bytes:
    arrays, stream = best(board), io.BytesIO()
    columns = {name: pa.FixedSizeListArray.from_arrays(arrays[name].reshape(-1), K) for name in ("ranked", "scores")}
    pq.write_table(pa.table({"query": list(arrays["query"]), **columns}), stream)
    return stream.getvalue()


def as_csv(board: Board) -> bytes:
    arrays = best(board)
    columns = {f"{name}_{n}": arrays[name][:, n] for name in ("ranked", "scores") for n in range(K)}
    return pd.DataFrame({"query": arrays["query"], **columns}).to_csv(index=False).encode()


FORMS: dict[str, Callable[[Board], bytes]] = {".npz": as_npz, ".parquet": as_parquet, ".csv": as_csv}
CUTS = st.tuples(st.floats(0, 1), st.floats(0, 1))
DAMAGE = st.one_of(
    st.tuples(st.just("put"), CUTS, st.binary(min_size=1, max_size=8)),
    st.tuples(st.just("insert"), CUTS, st.binary(min_size=1, max_size=40)),
    st.tuples(st.just("delete"), CUTS, st.just(b"")),
    st.tuples(st.just("repeat"), CUTS, st.just(b"")),
    st.tuples(st.just("truncate"), CUTS, st.just(b"")),
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=30)
    | st.sampled_from(["../x", "/etc/passwd", "<b>"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=6,
)


def damaged(content: bytes, damages: list[tuple[str, tuple[float, float], bytes]]) -> bytes:
    """Apply damages in sequence; positions are fractions of the length, including both ends."""
    for how, (first, second), extra in damages:
        start, end = sorted((int(first * len(content)), int(second * len(content))))
        if how == "put":
            content = content[:start] + extra + content[start + len(extra) :]
        elif how == "insert":
            content = content[:start] + extra + content[start:]
        elif how == "delete":
            content = content[:start] + content[end:]
        elif how == "repeat":
            content = content[:end] + content[start:][:100_000]
        else:
            content = content[:start]
    return content


@pytest.fixture(scope="module")
def place(board: Board, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the queries of the board and a submission folder."""
    place = tmp_path_factory.mktemp("fuzz")
    write_queries(board.made, place / "queries" / board.name)
    (place / "good-one/predictions").mkdir(parents=True)
    return place


def checked(board: Board, place: Path, suffix: str, content: bytes, facts: dict[str, Any] | bytes) -> list[str]:
    """Validate one submission and check that there are no side effects; return the problems."""
    folder = place / "good-one"
    for old in (folder / "predictions").iterdir():
        old.unlink()
    (folder / f"predictions/a{suffix}").write_bytes(content)
    if isinstance(facts, bytes):
        (folder / "submission.yaml").write_bytes(facts)
    else:
        write_yaml(folder, facts)
    before = sorted(place.rglob("*"))
    _, problems = validate(folder, [place / "queries"], place / "no-results")
    assert sorted(place.rglob("*")) == before
    assert all(line and line.isprintable() and len(line) < 700 for line in problems)
    return problems


def facts_of(board: Board, suffix: str) -> dict[str, Any]:
    facts = copy.deepcopy(board.facts())
    facts["boards"][0]["predictions"][0]["file"] = f"predictions/a{suffix}"
    return facts


@pytest.mark.parametrize("suffix", FORMS)
def test_undamaged_files_are_valid(suffix: str, board: Board, place: Path) -> None:
    assert checked(board, place, suffix, FORMS[suffix](board), facts_of(board, suffix)) == []


@pytest.mark.parametrize(
    "examples",
    [IN_UNIT_TESTS, pytest.param(IN_CI, marks=pytest.mark.long), pytest.param(EXAMPLES, marks=pytest.mark.thorough)],
)
def test_damaged_submissions_are_reported_as_problems(examples: int, board: Board, place: Path) -> None:
    whole = {suffix: make(board) for suffix, make in FORMS.items()}
    rejected = 0

    @settings(max_examples=examples, deadline=HANG, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(
        suffix=st.sampled_from(sorted(FORMS)),
        part=st.sampled_from(("file", "file", "text", "facts")),
        damages=st.lists(DAMAGE, min_size=1, max_size=3),
        keys=st.lists(st.integers(0, 100), min_size=1, max_size=3),
        value=VALUES,
    )
    def answered(suffix: str, part: str, damages: list[Any], keys: list[int], value: Any) -> None:
        nonlocal rejected
        content: bytes = whole[suffix]
        facts: dict[str, Any] | bytes = facts_of(board, suffix)
        if part == "file":
            content = damaged(content, damages)
        elif part == "text":
            facts = damaged(json.dumps(facts).encode(), damages)
        else:
            assert isinstance(facts, dict)
            _replace(facts, keys, value)
        rejected += bool(checked(board, place, suffix, content, facts))

    answered()
    assert rejected > 0.7 * examples


def _replace(facts: dict[str, Any], keys: list[int], value: Any) -> None:
    """Replace a value in nested mappings and lists; each number selects a key at the next level."""
    inner: Any = facts
    for number in keys:
        names = list(inner) if isinstance(inner, dict) else list(range(len(inner)))
        if not names:
            return
        name = names[number % len(names)]
        if number is keys[-1] or not isinstance(inner[name], dict | list):
            inner[name] = value
            return
        inner = inner[name]
