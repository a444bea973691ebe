from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from atombench.audit.record import BoardFindings, Source, VolumeFindings
from atombench.audit.volumes import audit_volumes
from atombench.engine.secret_key import VARIABLE, new_key
from atombench.records.record import Record
from atombench.tasks.atom.audit import audit, cases_of
from atombench.tasks.atom.board import AtomBoard
from atombench.tasks.atom.manifest import make_manifest
from atombench.tasks.atom.shown import Failure, Shown
from atombench.volumes.curated import Curated
from atombench.volumes.volume_set import VolumeSet
from tests.board.made import build, registry, site_of, stored
from tests.conftest import volume_set
from tests.records.made import example

CARD = "datasets/toy-cube20.html"
HARD = "atom-toy-hard-none-x1.html"


def findings(volumes: VolumeSet, gatherings: tuple[str, ...] = ("hard", "uniform")) -> list[VolumeFindings | BoardFindings]:
    sources = [Source(name="toy.npz", algorithm="sha256", checksum="abcdef" * 10)]
    data = Curated.of(volumes, "cube20")
    boards = [audit(data, make_manifest(data, AtomBoard(name, "none", 1))) for name in gatherings]
    return [audit_volumes(data, sources), *boards]


def of_manifest(record: Record, manifest: str) -> Record:
    return record.model_copy(update={"digests": record.digests.model_copy(update={"manifest": manifest})})


def test_a_card_shows_sources_counts_audit_and_pictures(tmp_path: Path) -> None:
    audits = findings(volume_set((6, 2, 3)))
    hard = audits[1]
    assert isinstance(hard, BoardFindings)
    out = site_of(tmp_path, of_manifest(example("constant"), hard.manifest), findings=audits)
    card = (out / CARD).read_text()
    for words in (
        "sha256 abcdefabcdef",
        "6 / 2 / 3",
        "likeness of neighbours",
        "data:image/png;base64",
        "plot-histogram",
        "plot-audit",
        "hard: test queries",
        "uniform: test queries",
        "positions also in training",
    ):
        assert words in card
    page = (out / "index.html").read_text()
    assert f'href="{CARD}"' in page
    board = (out / "boards" / HARD).read_text()
    assert "<b>Audit</b> of the test queries" in board
    assert f'href="../{CARD}"' in board
    assert f'href="../cases/{HARD}"' in board
    assert "a look-up" in page
    cases = (out / "cases" / HARD).read_text()
    assert cases.count('<svg class="case"') == len(cases_of(hard)) > 0
    assert '<svg class="case"' in page
    assert "unlabelled" in (out / "audit.html").read_text()
    table = pd.read_csv(out / "audit.csv")
    assert list(table.columns) == ["dataset", "form", "task", "board", "part", "finding", "value"]
    mine = table[(table["board"] == "hard-none-x1") & (table["part"] == "test")].set_index("finding")["value"]
    assert mine["positions"] == 168
    assert 0.25 < mine["unlabelled"] < 0.33
    assert table[table["finding"] == "volumes_train"]["value"].item() == 6
    assert set(table[table["board"].notna()]["task"]) == {"atom"}
    assert set(table[table["board"].isna()]["form"]) == {"cube20"}


@pytest.mark.parametrize("rows", [registry(restricted=True), {}])
def test_a_card_shows_pictures_and_names_only_if_the_registry_allows_it(rows: dict[str, Any], tmp_path: Path) -> None:
    """The registry decides, not the audit file: a dataset may have become restricted after the audit."""
    audits = findings(volume_set((6, 2, 3)))
    hard = audits[1]
    assert isinstance(hard, BoardFindings)
    assert cases_of(hard)
    failure = Failure(section=1, volume="v0008", rank=5, box=3, distance_voxel=2, pixels="eA==", there="eA==", answered="eA==")
    record = example("constant", own=Shown(failures=[failure]).model_dump())
    out = site_of(tmp_path, of_manifest(record, hard.manifest), datasets=rows, findings=audits)
    pages = [path.read_text() for path in out.rglob("*") if path.suffix in (".html", ".csv")]
    assert len(pages) == 13
    assert not list((out / "cases").iterdir())
    assert not any(word in page for page in pages for word in ("data:image", "v0000", "v0008", "toy.npz"))
    assert any("the licence of the data does not allow it" in page for page in pages)


def test_cards_of_removed_datasets_are_deleted(tmp_path: Path) -> None:
    entries = stored(tmp_path, example("constant"))
    out = build(entries, tmp_path / "out", findings=findings(volume_set((6, 2, 3))))
    assert (out / CARD).exists()
    build(entries, out)
    assert list((out / "datasets").iterdir()) == []


def test_audits_of_boards_drawn_from_other_volumes_are_omitted(tmp_path: Path) -> None:
    old, new = findings(volume_set((6, 2, 3))), findings(volume_set((6, 3, 3)))
    out = site_of(tmp_path, example("constant"), datasets={}, findings=[new[0], *old[1:]])
    assert "No board of this dataset has been audited" in (out / CARD).read_text()
    assert set(pd.read_csv(out / "audit.csv")["part"].dropna()) == set()


def test_cards_do_not_depend_on_the_order_of_the_audits(tmp_path: Path) -> None:
    audits, entries = findings(volume_set((6, 2, 3))), stored(tmp_path, example("constant"))
    build(entries, tmp_path / "a", findings=audits)
    build(entries, tmp_path / "b", findings=audits[::-1])
    for name in ("index.html", "audit.csv", CARD):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_secret_boards_appear_neither_on_cards_nor_in_audits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    new_key(tmp_path / "key")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "key"))
    audits = findings(volume_set((6, 2, 3)), ("hard", "uniform", "uniform-secret"))
    out = site_of(tmp_path, example("constant"), findings=audits)
    assert any("uniform-secret" in audit.name for audit in audits if isinstance(audit, BoardFindings))
    for path in out.rglob("*"):
        assert path.suffix not in (".html", ".csv") or "uniform-secret" not in path.read_text()


def test_an_audit_of_an_unknown_task_is_omitted(tmp_path: Path) -> None:
    audits = findings(volume_set((6, 2, 3)))
    other = audits[1].model_copy(update={"task": "nothing-known"})
    out = site_of(tmp_path, example("constant"), findings=[audits[0], other])
    assert "nothing-known" not in (out / CARD).read_text()
