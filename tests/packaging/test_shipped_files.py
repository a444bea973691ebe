"""Tests of the data files in the wheel and how commands find them."""

import runpy
import tomllib
from pathlib import Path

import pytest

from atombench.errors import ConfigError
from atombench.io import paths
from atombench.io.paths import CONSTRAINTS, DATASETS, METHOD_OPTIONS, PAPER_TABLES, RUN, in_checkout, shipped
from atombench.volumes.registry import read_registry
from tests.conftest import ROOT

SETUP = runpy.run_path(str(ROOT / "setup.py"))


def test_every_default_file_is_packed() -> None:
    packed = SETUP["shipped_files"](ROOT)
    assert {DATASETS, METHOD_OPTIONS, RUN, PAPER_TABLES, CONSTRAINTS} <= set(packed)
    assert {Path("config/schema/run.schema.json"), Path("config/paper.yaml")} <= set(packed)
    assert all((ROOT / path).is_file() for path in packed)


def test_a_build_from_an_incomplete_checkout_fails(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"files that match config/\*.yaml .* found none; build from a whole checkout"):
        SETUP["shipped_files"](tmp_path)


def test_the_source_distribution_contains_all_data_files_of_the_wheel() -> None:
    manifest = (ROOT / "MANIFEST.in").read_text()
    for pattern in SETUP["PATTERNS"]:
        assert pattern in manifest or f"recursive-include {pattern.split('/')[0]} " in manifest


def test_a_file_in_the_current_folder_takes_precedence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert shipped(DATASETS) == ROOT / DATASETS
    assert not in_checkout()
    (tmp_path / "config").mkdir()
    (tmp_path / DATASETS).write_text("{}\n")
    assert shipped(DATASETS) == DATASETS
    assert read_registry() == {}
    monkeypatch.chdir(ROOT)
    assert in_checkout()


def test_an_installed_package_reads_its_packed_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = tmp_path / "shipped" / DATASETS
    copy.parent.mkdir(parents=True)
    copy.write_text("{}\n")
    monkeypatch.setattr(paths, "_SHIPPED", tmp_path / "shipped")
    monkeypatch.chdir(tmp_path)
    assert shipped(DATASETS) == copy
    assert read_registry() == {}


@pytest.mark.parametrize("path", [Path("config/other.yaml"), Path("../config/datasets.yaml"), Path("/config/datasets.yaml")])
def test_the_path_of_any_other_missing_file_is_unchanged(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert shipped(path) == path
    with pytest.raises(ConfigError, match=f"cannot read {path}: No such file"):
        read_registry(path)


def test_the_extra_all_names_every_extra_for_users() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    named = set(extras["all"][0].removeprefix("atombench[").removesuffix("]").split(","))
    assert named == set(extras) - {"all", "dev"}
