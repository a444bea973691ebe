import os
from pathlib import Path

import pytest

from atombench.board.staging import PREFIX, staging
from atombench.errors import DataError


def test_files_are_moved_when_all_are_complete_and_the_staging_folder_is_removed(tmp_path: Path) -> None:
    with staging(tmp_path / "out") as stage:
        name = stage.write("a/b.html", "page")
        assert not (tmp_path / "out/a").exists()
        for board in ("x", "y"):
            stage.keep("t.csv", board, f"{board},1\n")
        table = stage.join("t.csv", "name,value\n", ["y", "x"])
        parts = stage.keep_parts("x", {"one": "ä", "two": "b"})
        assert [part.read() for part in parts.values()] == ["ä", "b"]
        stage.move([name, table], tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"a", "t.csv"}
    assert (tmp_path / "out/t.csv").read_text() == "name,value\ny,1\nx,1\n"


def test_a_failure_leaves_the_site_unchanged(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("old")

    def fail() -> None:
        with staging(tmp_path) as stage:
            stage.write("index.html", "new")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert [path.name for path in tmp_path.iterdir()] == ["index.html"]
    assert (tmp_path / "index.html").read_text() == "old"


def test_only_the_staging_folders_of_dead_processes_are_removed(tmp_path: Path) -> None:
    dead, alive = tmp_path / f"{PREFIX}99999999-x", tmp_path / f"{PREFIX}{os.getppid()}-x"
    dead.mkdir()
    alive.mkdir()
    with staging(tmp_path):
        assert not dead.exists()
    assert [path.name for path in tmp_path.iterdir()] == [alive.name]


def test_the_error_names_a_folder_that_is_not_writable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"cannot write .*file.*check free space"), staging(tmp_path / "file"):
        pass
