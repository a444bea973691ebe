from pathlib import Path

import pandas as pd

from atombench.atom.manifest import make_manifest
from atombench.audit.boards import audit_board
from atombench.audit.record import BoardFindings, Source, VolumeFindings
from atombench.audit.volumes import audit_volumes
from atombench.board.pages import build_board
from atombench.volumes.volume_set import VolumeSet
from tests.board.test_board import stored
from tests.conftest import volume_set
from tests.evaluation.records import example


def findings(volumes: VolumeSet, restricted: bool = False) -> list[VolumeFindings | BoardFindings]:
    sources = [Source(name="toy.npz", algorithm="sha256", checksum="abcdef" * 10)]
    boards = [audit_board(volumes, make_manifest(volumes, name, "none", 1)) for name in ("hard", "uniform")]
    return [audit_volumes(volumes, 1, sources, restricted), *boards]


def test_a_card_shows_source_counts_audit_and_pictures(tmp_path: Path) -> None:
    found = findings(volume_set((6, 2, 3)))
    record = example("constant")
    digests = record.digests.model_copy(update={"manifest": found[1].manifest})
    build_board(stored(tmp_path, record.model_copy(update={"digests": digests})), {}, tmp_path / "out", findings=found)
    card = (tmp_path / "out/datasets/toy-x1.html").read_text()
    for words in (
        "sha256 abcdefabcdef", "6 / 2 / 3", "likeness of neighbours", "data:image/png;base64", "plot-histogram", "plot-audit",
        "hard, split none: test sections", "uniform, split none: test sections", "positions also in training",
    ):  # fmt: skip
        assert words in card
    page = (tmp_path / "out/index.html").read_text()
    assert 'href="datasets/toy-x1.html"' in page
    assert "<b>Audit</b> of the test sections" in page
    table = pd.read_csv(tmp_path / "out/audit.csv")
    assert list(table.columns) == ["dataset", "scale", "gathering", "split", "part", "finding", "value"]
    hard = table[(table["gathering"] == "hard") & (table["part"] == "test")].set_index("finding")["value"]
    assert hard["positions"] == 168
    assert 0.25 < hard["unlabelled"] < 0.33
    assert table[table["finding"] == "volumes_train"]["value"].item() == 6


def test_a_card_of_restricted_data_has_no_picture(tmp_path: Path) -> None:
    build_board(stored(tmp_path, example("constant")), {}, tmp_path / "out", findings=findings(volume_set((6, 2, 3)), True))
    card = (tmp_path / "out/datasets/toy-x1.html").read_text()
    assert "data:image" not in card
    assert "v0000" not in card
    assert "toy.npz" not in card
    assert "the licence of these data does not allow it" in card


def test_boards_of_volumes_that_have_changed_are_left_out(tmp_path: Path) -> None:
    old, new = findings(volume_set((6, 2, 3))), findings(volume_set((6, 3, 3)))
    build_board(stored(tmp_path, example("constant")), {}, tmp_path / "out", findings=[new[0], *old[1:]])
    assert "No board of this dataset has been audited" in (tmp_path / "out/datasets/toy-x1.html").read_text()


def test_cards_are_the_same_when_built_again(tmp_path: Path) -> None:
    found, results = findings(volume_set((6, 2, 3))), stored(tmp_path, example("constant"))
    build_board(results, {}, tmp_path / "a", findings=found)
    build_board(results, {}, tmp_path / "b", findings=found[::-1])
    for name in ("index.html", "audit.csv", "datasets/toy-x1.html"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
