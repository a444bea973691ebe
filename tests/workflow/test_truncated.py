"""Tests of the detection of truncated files."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from atombench.io.files import write_json
from atombench.io.tensors import save_tensors
from atombench.workflow.truncated import CHECKS, truncated_files


def written(folder: Path) -> list[Path]:
    """Write a small file of every kind that the workflow uses."""
    write_json(folder / "a.json", {"a": {"b": [1, {"c": {}}]}, "d": {"e": {}}})
    write_json(folder / "list.json", [{"a": 1}, {"b": 2}])
    write_json(folder / "empty.json", {})
    (folder / "curve.jsonl").write_text(json.dumps({"step": 1}) + "\n" + json.dumps({"step": 2}) + "\n")
    pq.write_table(pa.table({"a": np.arange(50)}), folder / "a.parquet")
    save_tensors(folder / "a.safetensors", {"a": np.ones((3, 4)), "b": np.zeros(2)}, {"x": "y"})
    np.savez_compressed(folder / "a.npz", a=np.arange(100))
    return sorted(folder.iterdir())


def test_complete_files_are_not_reported(tmp_path: Path) -> None:
    files = written(tmp_path)
    (tmp_path / "none.jsonl").touch()  # the curve of a method without training
    (tmp_path / "notes.txt").touch()
    assert {path.suffix for path in files} == set(CHECKS)
    assert truncated_files([*files, tmp_path / "none.jsonl", tmp_path / "notes.txt", tmp_path / "missing.json", tmp_path]) == []


@pytest.mark.parametrize("suffix", sorted(CHECKS))
def test_a_file_truncated_at_any_position_is_detected(suffix: str, tmp_path: Path) -> None:
    for path in [path for path in written(tmp_path) if path.suffix == suffix]:
        whole = path.read_bytes()
        ends = range(len(whole)) if suffix != ".jsonl" else [n for n in range(1, len(whole)) if whole[n - 1 : n] != b"\n"]
        missed = []
        for end in ends:
            path.write_bytes(whole[:end])
            if truncated_files([path]) != [path]:
                missed.append(end)
        assert missed == []


def test_an_invalid_safetensors_header_counts_as_truncated(tmp_path: Path) -> None:
    for number, content in enumerate((b"\xff" * 20, (2).to_bytes(8, "little") + b"[]", (4).to_bytes(8, "little") + b"null")):
        path = tmp_path / f"{number}.safetensors"
        path.write_bytes(content)
        assert truncated_files([path]) == [path]
