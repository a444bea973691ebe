"""Damage of severity 3 resembles published pairs of sections and scans; contact sheets show every condition."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from atombench.commands import preview as command
from atombench.errors import ConfigError
from atombench.records.board import Board
from atombench.records.layout import Layout
from atombench.tasks.atom.board import AtomBoard
from atombench.tasks.atom.degradation.conditions import STEPS
from atombench.tasks.atom.degradation.preview import contact_sheet, strips
from atombench.tasks.atom.degradation.realism import PUBLISHED, measure, mutual_information
from atombench.tasks.atom.manifest import Manifest, make_manifest
from atombench.tasks.atom.queries import make_queries
from atombench.volumes.curated import Curated
from tests.conftest import local_data, textured, volume_set


@pytest.fixture(scope="module")
def data() -> Curated:
    """Return volumes with tissue in a ball and a background of exactly 0."""
    edge = 40
    place = np.stack(np.indices((edge,) * 3)) - (edge - 1) / 2
    inside = (place**2).sum(axis=0) < 16**2
    volumes = np.where(inside, 0.2 + 0.7 * textured(9, edge), 0).astype(np.float32)
    return Curated.of(volume_set((4, 2, 3), volumes), "cube40-zeroed")


@pytest.fixture(scope="module")
def manifest(data: Curated) -> Manifest:
    return make_manifest(data, AtomBoard("tissue", "none", 2, 2))


@pytest.mark.long
@pytest.mark.parametrize("dataset", ["mni-subjects", "ixi-t1", "hippocampus"])
def test_central_damage_of_brains_lies_in_published_ranges(dataset: str, tmp_path: Path) -> None:
    """Sections of 16 x 16 pixels; at 8 x 8 mutual information is lower, because each is standardised over fewer pixels."""
    data = local_data(dataset, "cube40-zeroed", tmp_path)
    found = measure(data, make_manifest(data, AtomBoard("tissue", "none", 2, 2)))
    assert set(found) == set(PUBLISHED)
    for name, value in found.items():
        assert PUBLISHED[name].low <= value <= PUBLISHED[name].high, (name, value)


def test_severe_damage_is_stronger_in_every_figure(data: Curated, manifest: Manifest) -> None:
    mild, severe = (measure(data, manifest, severity) for severity in (1, 5))
    assert abs(severe["correlation"]) < abs(mild["correlation"])
    assert severe["mutual_information"] < mild["mutual_information"]
    assert severe["anisotropy"] > mild["anisotropy"]
    assert severe["missing"] > mild["missing"] == 0


def test_mutual_information_is_one_for_equal_intensities_and_nearly_none_for_independent_ones() -> None:
    first, second = np.random.default_rng(0).random((2, 100_000))
    assert mutual_information(first, first) == pytest.approx(1)
    assert mutual_information(first, second) < 0.005


def test_damaged_queries_keep_their_order_and_their_volumes(data: Curated, manifest: Manifest) -> None:
    clean, damaged, blurred = (make_queries(data, manifest, name) for name in ("clean", "noise-1", "blur-3"))
    np.testing.assert_array_equal(clean.volume_index, damaged.volume_index)
    np.testing.assert_array_equal(clean.volumes, damaged.volumes)
    assert np.abs(clean.pixels - damaged.pixels).max() < 0.15
    assert np.abs(clean.pixels - damaged.pixels).mean() > 0.005
    np.testing.assert_array_equal(clean.pixels, blurred.pixels)
    assert (clean.volumes != blurred.volumes).any()


def test_a_contact_sheet_has_a_row_for_each_condition(
    data: Curated, manifest: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = strips(data, manifest, 4, 2)
    assert len(rows) == 1 + len(STEPS) + 5
    assert all(row.sections.shape == (4, 16, 16) for row in rows)
    sheet = contact_sheet(rows)
    monkeypatch.chdir(tmp_path)
    layout, board = Layout(tmp_path / "results"), manifest.board
    data.save(layout.curated(board.dataset, "cube40-zeroed"))
    manifest.save(layout.manifest(board))
    command.run(board.key, tmp_path / "sheet.png", 4, 2)
    with Image.open(tmp_path / "sheet.png") as saved:
        assert saved.size == sheet.size
        np.testing.assert_array_equal(np.asarray(saved), np.asarray(sheet))
    with pytest.raises(ConfigError, match="unknown task 'ecko'"):
        command.run(str(Board("ecko", "toy", "default")))
