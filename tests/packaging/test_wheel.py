"""Tests of the built wheel outside a checkout."""

import json
import zipfile
from pathlib import Path

import pytest

from atombench import __version__
from atombench.cli import COMMANDS
from tests.conftest import ROOT
from tests.packaging.installed import Installation, build_wheel, install

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installation(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    return install(wheel, tmp_path_factory.mktemp("installed"))


def test_the_wheel_contains_the_files_that_commands_read(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        packed = {name: archive.read(name) for name in archive.namelist()}
    for name in ("config/datasets.yaml", "config/methods.yaml", "config/config.yaml", "config/schema/run.schema.json"):
        assert packed[f"atombench/shipped/{name}"] == (ROOT / name).read_bytes()
    for folder in (
        "board/templates",
        "board/assets",
        "pages/templates",
        "submissions/templates",
        "tasks/atom/panels/templates",
        "tasks/atom/weights",
    ):
        files = [path for path in (ROOT / "atombench" / folder).rglob("*") if path.is_file()]
        assert files
        assert {path.relative_to(ROOT).as_posix() for path in files} <= set(packed)
    assert not [name for name in packed if name.startswith(("tests/", "config/", "setup.py"))]


def test_the_installed_program_is_that_of_the_wheel(installation: Installation) -> None:
    assert installation.printed("--version").startswith(f"atombench {__version__}; protocol atom ")
    module = Path(installation.run("import atombench; print(atombench.__file__)"))
    assert module.is_relative_to(installation.python.parents[1])
    assert installation.run("from atombench.provenance.code import git_state; print(git_state()['commit'])") == "unknown"


def test_every_command_lists_its_options(installation: Installation) -> None:
    for name in COMMANDS:
        assert installation.printed(name, "--help").startswith(f"Usage: atombench {name} ")


def test_sections_of_shipped_runs_are_counted(installation: Installation) -> None:
    header, *rows = installation.printed("sizes").splitlines()
    assert header == "board,train,val,test"
    assert rows[0].startswith("atom/mni-subjects/hard-none-x1,")
    assert "vesselmnist3d" in installation.printed("sizes", "--config", "config/vessel-table4.yaml")


def test_a_file_in_the_folder_overrides_the_shipped_one(installation: Installation) -> None:
    own = installation.folder / "config" / "datasets.yaml"
    own.parent.mkdir()
    own.write_text("{}\n")
    try:
        done = installation.atombench("fetch", "mni-subjects", "--out", "source.json")
    finally:
        own.unlink()
        own.parent.rmdir()
    assert done.returncode == 1
    assert done.stderr == "error: unknown dataset 'mni-subjects' (valid: none)\n"


def test_data_are_fetched_and_curated(installation: Installation) -> None:
    installation.printed("fetch", "mni-subjects", "--out", "source.json")
    assert json.loads((installation.folder / "source.json").read_text())["dataset"] == "mni-subjects"
    installation.printed("curate", "mni-subjects", "--receipt", "source.json", "--form", "cube20", "--out", "curated")
    assert json.loads((installation.folder / "curated/curated.json").read_text())["form"] == "cube20"


def test_a_missing_file_is_reported_in_one_line(installation: Installation) -> None:
    done = installation.atombench("sizes", "--config", "config/no-such-run.yaml")
    assert (done.returncode, done.stderr) == (1, "error: cannot read config/no-such-run.yaml: No such file or directory\n")


def test_the_doctor_reports_that_there_is_no_workflow_here(installation: Installation) -> None:
    output = installation.printed("doctor", "mni-subjects")
    assert "packages: as pinned" in output
    assert "workflow: no Snakefile in this folder" in output


def test_a_new_method_is_created_in_the_folder(installation: Installation) -> None:
    output = installation.printed("new-method", "my-method")
    assert "clone the repository" in output
    assert (installation.folder / "leaderboard/submissions/my-method/method.py").is_file()
