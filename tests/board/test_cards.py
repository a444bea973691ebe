from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from atombench.audit.record import BoardFindings, Source, VolumeFindings
from atombench.audit.volumes import audit_volumes
from atombench.board.site import build_site
from atombench.records.record import Failure
from atombench.tasks.atom.audit import audit_board
from atombench.tasks.atom.manifest import make_manifest
from atombench.tasks.atom.secret import VARIABLE, new_key
from atombench.volumes.volume_set import VolumeSet
from tests.board.made import registry, stored
from tests.conftest import volume_set
from tests.records.made import example


def findings(volumes: VolumeSet) -> list[VolumeFindings | BoardFindings]:
    sources = [Source(name="toy.npz", algorithm="sha256", checksum="abcdef" * 10)]
    boards = [audit_board(volumes, make_manifest(volumes, name, "none", 1)) for name in ("hard", "uniform")]
    return [audit_volumes(volumes, 1, sources), *boards]


def test_a_card_shows_source_counts_audit_and_pictures(tmp_path: Path) -> None:
    found = findings(volume_set((6, 2, 3)))
    record = example("constant")
    digests = record.digests.model_copy(update={"manifest": found[1].manifest})
    build_site(stored(tmp_path, record.model_copy(update={"digests": digests})), registry(), tmp_path / "out", findings=found)
    card = (tmp_path / "out/datasets/toy-x1.html").read_text()
    for words in (
        "sha256 abcdefabcdef", "6 / 2 / 3", "likeness of neighbours", "data:image/png;base64", "plot-histogram", "plot-audit",
        "hard, split none: test sections", "uniform, split none: test sections", "positions also in training",
    ):  # fmt: skip
        assert words in card
    page = (tmp_path / "out/index.html").read_text()
    assert 'href="datasets/toy-x1.html"' in page
    board = (tmp_path / "out/boards/toy-hard-none-x1.html").read_text()
    assert "<b>Audit</b> of the test sections" in board
    assert 'href="../datasets/toy-x1.html"' in board
    assert 'href="../cases/toy-hard-none-x1.html"' in board
    assert "a look-up" in page
    cases = (tmp_path / "out/cases/toy-hard-none-x1.html").read_text()
    assert cases.count('<svg class="case"') == len(found[1].cases)
    assert '<svg class="case"' in page
    assert "unlabelled" in (tmp_path / "out/audit.html").read_text()
    table = pd.read_csv(tmp_path / "out/audit.csv")
    assert list(table.columns) == ["dataset", "scale", "gathering", "split", "part", "finding", "value"]
    hard = table[(table["gathering"] == "hard") & (table["part"] == "test")].set_index("finding")["value"]
    assert hard["positions"] == 168
    assert 0.25 < hard["unlabelled"] < 0.33
    assert table[table["finding"] == "volumes_train"]["value"].item() == 6


@pytest.mark.parametrize("rows", [registry(restricted=True), {}])
def test_a_card_shows_no_picture_and_no_name_unless_the_registry_allows_it(rows: dict[str, Any], tmp_path: Path) -> None:
    """Whatever the audit file holds: the row may have become restricted after it was written."""
    found = findings(volume_set((6, 2, 3)))
    failure = Failure(section=1, volume="v0008", rank=5, box=3, distance_voxel=2, pixels="eA==", there="eA==", answered="eA==")
    record = example("constant", failures=[failure])
    record = record.model_copy(update={"digests": record.digests.model_copy(update={"manifest": found[1].manifest})})
    build_site(stored(tmp_path, record), rows, tmp_path / "out", findings=found)
    assert found[1].cases
    pages = [path.read_text() for path in (tmp_path / "out").rglob("*") if path.suffix in (".html", ".csv")]
    assert len(pages) == 12
    assert not list((tmp_path / "out/cases").iterdir())
    assert not any(word in page for page in pages for word in ("data:image", "v0000", "v0008", "toy.npz"))
    assert any("the licence of these data does not allow it" in page for page in pages)


def test_cards_of_datasets_that_are_gone_are_removed(tmp_path: Path) -> None:
    results = stored(tmp_path, example("constant"))
    build_site(results, registry(), tmp_path / "out", findings=findings(volume_set((6, 2, 3))))
    assert (tmp_path / "out/datasets/toy-x1.html").exists()
    build_site(results, registry(), tmp_path / "out")
    assert list((tmp_path / "out/datasets").iterdir()) == []


def test_boards_of_volumes_that_have_changed_are_left_out(tmp_path: Path) -> None:
    old, new = findings(volume_set((6, 2, 3))), findings(volume_set((6, 3, 3)))
    build_site(stored(tmp_path, example("constant")), {}, tmp_path / "out", findings=[new[0], *old[1:]])
    assert "No board of this dataset has been audited" in (tmp_path / "out/datasets/toy-x1.html").read_text()
    assert set(pd.read_csv(tmp_path / "out/audit.csv")["part"].dropna()) == set()


def test_cards_are_the_same_when_built_again(tmp_path: Path) -> None:
    found, results = findings(volume_set((6, 2, 3))), stored(tmp_path, example("constant"))
    build_site(results, registry(), tmp_path / "a", findings=found)
    build_site(results, registry(), tmp_path / "b", findings=found[::-1])
    for name in ("index.html", "audit.csv", "datasets/toy-x1.html"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_secret_boards_stand_on_no_card_and_in_no_audit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    new_key(tmp_path / "key")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "key"))
    volumes = volume_set((6, 2, 3))
    secret = audit_board(volumes, make_manifest(volumes, "uniform-secret", "none", 1))
    build_site(
        stored(tmp_path, example("constant")), registry(), tmp_path / "out", findings=[*findings(volumes), secret]
    )  # fmt: skip
    for path in (tmp_path / "out").rglob("*"):
        assert path.suffix not in (".html", ".csv") or "uniform-secret" not in path.read_text()
