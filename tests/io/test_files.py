"""Files are written atomically."""

import os
from pathlib import Path

import pytest

from atombench.errors import DataError
from atombench.io.files import file_digest, read_json, write_json, written_whole


def fail_half_way(path: Path) -> None:
    with written_whole(path) as temporary:
        temporary.write_text("half")
        message = "cut short"
        raise RuntimeError(message)


def test_a_file_is_written_atomically(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file.txt"
    with written_whole(path) as temporary:
        temporary.write_text("first")
        assert not path.exists()
    with pytest.raises(RuntimeError, match="cut short"):
        fail_half_way(path)
    assert path.read_text() == "first"
    assert list(path.parent.iterdir()) == [path]


def test_partial_files_of_killed_writers_are_removed_and_those_of_active_writers_are_not(tmp_path: Path) -> None:
    dead, alive = tmp_path / ".file.4194999.x.partial", tmp_path / f".file.{os.getpid()}.x.partial"
    dead.write_text("half")
    alive.write_text("half")
    with written_whole(tmp_path / "file") as temporary:
        temporary.write_text("whole")
    assert not dead.exists()
    assert alive.exists()


def test_json_refuses_nan_and_reports_a_damaged_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", {"x": float("nan")})
    assert not (tmp_path / "a.json").exists()
    (tmp_path / "a.json").write_text('{"x": ')
    with pytest.raises(DataError, match="not valid JSON"):
        read_json(tmp_path / "a.json")
    assert len(file_digest(tmp_path / "a.json")) == 64
