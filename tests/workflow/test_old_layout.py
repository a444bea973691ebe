"""Tests of results of earlier versions: they are reported in one line and not changed."""

import json
from pathlib import Path

import pytest

from atombench.workflow.old_layout import describe_old_results, is_old_run_list

NOW = (
    "data/ixi/x1/curated.npz",
    "data/ixi/x1/audit.json",
    "atom/ixi/hard-none-x1/mcan/seed1/clean/record.json",
    "atom/ixi/hard-none-x1/manifest.json",
)


def put(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_current_results_and_a_missing_folder_are_not_reported(tmp_path: Path) -> None:
    assert describe_old_results(tmp_path / "missing") == ""
    put(tmp_path, *NOW)
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs/now.json").write_text(json.dumps({"layout": 2, "records": []}))
    assert describe_old_results(tmp_path) == ""


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("data/ixi/x2/volumes.npz", "curated volumes"),
        ("atom/ixi/hard-none-x1/mcan/seed2/record.json", "records"),
    ],
)
def test_old_results_are_reported_and_kept(name: str, kind: str, tmp_path: Path) -> None:
    put(tmp_path, *NOW, name)
    before = sorted(tmp_path.rglob("*"))
    line = describe_old_results(tmp_path)
    assert line.startswith(
        f"Results of an earlier version are not used: {kind} (such as {tmp_path / name}). You can delete them"
    )
    assert sorted(tmp_path.rglob("*")) == before


def test_old_run_lists_are_distinguished_from_current_and_damaged_ones(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    lists = {"old": '{"run": "old", "records": []}', "now": '{"layout": 2}', "damaged": '{"run": ', "list": "[]"}
    for name, content in lists.items():
        (tmp_path / f"runs/{name}.json").write_text(content)
    assert [name for name in lists if is_old_run_list(tmp_path / f"runs/{name}.json")] == ["old"]
    assert not is_old_run_list(tmp_path / "runs/missing.json")
    assert f"run lists (such as {tmp_path}/runs/old.json)" in describe_old_results(tmp_path)
