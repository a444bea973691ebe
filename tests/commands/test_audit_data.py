"""Tests of `atombench audit-data`: printed table, written file, and redaction of restricted data."""

import json
from pathlib import Path

import pytest

from atombench.audit.record import BoardFindings, load_findings
from atombench.cli import main
from atombench.tasks.atom.audit import cases_of
from atombench.tasks.atom.board import AtomBoard
from atombench.tasks.atom.manifest import make_manifest
from atombench.volumes.curated import Curated
from tests.conftest import ROOT, volume_set
from tests.volumes.on_disk import ABOUT


def write_inputs(folder: Path, dataset: str) -> list[str]:
    """Write curated data and a manifest; return the command-line options, with board and manifest last."""
    data = Curated.of(volume_set((4, 2, 2), name=dataset), "cube20")
    data.save(folder / "cube20")
    manifest = make_manifest(data, AtomBoard("hard", "none", 1))
    manifest.save(folder / "m.parquet")
    files = ["--data", str(folder / "cube20"), "--out", str(folder / "a.json")]
    return [*files, "--board", manifest.board.key, "--manifest", str(folder / "m.parquet")]


def test_pictures_and_volume_names_of_restricted_data_are_not_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = write_inputs(tmp_path, "mine")
    row = {**ABOUT, "kind": "mni-subjects", "template": "t", "template_sha256": "0", "train": 4, "val": 2, "test": 2}
    registry = ["--registry", str(tmp_path / "d.yaml")]
    for restricted in (True, False):
        (tmp_path / "d.yaml").write_text(json.dumps({"mine": {**row, "restricted": restricted}}))
        with pytest.raises(SystemExit, match="0"):
            main(["audit-data", "mine", *arguments[:4], *registry])
        assert ("v0000" in (tmp_path / "a.json").read_text()) != restricted
        assert ("iVBOR" in (tmp_path / "a.json").read_text()) != restricted
        with pytest.raises(SystemExit, match="0"):
            main(["audit-data", "mine", *arguments, *registry])
        board = load_findings(tmp_path / "a.json")
        assert isinstance(board, BoardFindings)
        assert len(cases_of(board)) == (0 if restricted else 6)
        assert ("v000" in (tmp_path / "a.json").read_text()) != restricted
    capsys.readouterr()


def test_a_table_is_printed_and_a_file_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    arguments = write_inputs(tmp_path, "mni-subjects")
    for extra, words in (([], "likeness of neighbours"), (arguments[4:], "! unlabelled")):
        with pytest.raises(SystemExit, match="0"):
            main(["audit-data", "mni-subjects", *arguments[:4], *extra])
        assert words in capsys.readouterr().out
    assert isinstance(load_findings(tmp_path / "a.json"), BoardFindings)
    with pytest.raises(SystemExit, match="1"):
        main(["audit-data", "hippocampus", *arguments[:4]])
    assert "holds 'mni-subjects', expected 'hippocampus'" in capsys.readouterr().err


@pytest.mark.parametrize("given", [["--board", "atom/mni-subjects/hard-none-x1"], ["--manifest", "m.parquet"]])
def test_board_and_manifest_must_be_given_together(
    given: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    arguments = write_inputs(tmp_path, "mni-subjects")
    with pytest.raises(SystemExit, match="1"):
        main(["audit-data", "mni-subjects", *arguments[:4], *given])
    assert "--board and --manifest" in capsys.readouterr().err
    assert not (tmp_path / "a.json").exists()


def test_a_board_of_another_dataset_is_rejected(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    arguments = write_inputs(tmp_path, "mni-subjects")
    arguments[5] = "atom/hippocampus/hard-none-x1"
    with pytest.raises(SystemExit, match="1"):
        main(["audit-data", "mni-subjects", *arguments])
    assert "atom/hippocampus/hard-none-x1" in capsys.readouterr().err
