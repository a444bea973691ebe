"""Audit of volumes: duplicates, subjects in two splits, background, and the file of findings."""

import base64
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from atombench.audit.record import BoardFindings, Source, VolumeFindings, load_findings, save_findings
from atombench.audit.tables import ODD_EXCESS, volume_table
from atombench.audit.volumes import audit_volumes, exact_pairs, likeness
from atombench.errors import DataError
from atombench.tasks.atom.audit import audit
from atombench.tasks.atom.board import AtomBoard
from atombench.tasks.atom.manifest import make_manifest
from atombench.volumes.curated import Curated
from atombench.volumes.volume_set import VolumeSet
from tests.conftest import textured, volume_set


def audited(volumes: VolumeSet) -> VolumeFindings:
    return audit_volumes(Curated.of(volumes, "cube20"), [Source(name="a.npz", algorithm="md5", checksum="00")])


def flagged(found: VolumeFindings) -> set[str]:
    return {line.name for line in volume_table(found) if line.flagged}


def test_nothing_is_flagged_in_clean_volumes() -> None:
    found = audited(volume_set((30, 5, 10), textured(45) - 0.4))
    assert flagged(found) == set()
    assert found.exact_pairs == found.near_pairs == (0, 0)
    assert abs(found.neighbours.excess) < ODD_EXCESS
    assert sum(found.histogram) == pytest.approx(1)


def test_equal_and_near_equal_volumes_across_splits_are_detected() -> None:
    array = textured(20)
    array[15] = array[3]  # test and training
    array[4] = array[5]  # both training
    array[16] = array[2] + 0.01 * textured(1, seed=9)[0]
    found = audited(volume_set((10, 4, 6), array))
    assert found.exact_pairs == (2, 1)
    assert found.near_pairs == (3, 2)
    assert {(pair.first, pair.second) for pair in found.most_alike[:2]} == {("v0003", "v0015"), ("v0002", "v0016")}
    assert found.most_alike[0].splits == ("train", "test")
    assert {"equal volumes", "near-equal volumes"} <= flagged(found)


def test_likeness_is_the_correlation_after_subtracting_the_mean_volume() -> None:
    array = textured(6)
    rest = (array - array.mean(axis=0)).reshape(6, -1)
    np.testing.assert_allclose(likeness(array), np.corrcoef(rest), atol=1e-5)
    large = array.repeat(2, axis=1).repeat(2, axis=2).repeat(2, axis=3)
    np.testing.assert_allclose(likeness(large), likeness(array), atol=1e-5)
    assert not likeness(np.ones((3, 20, 20, 20), np.float32)).any()


@pytest.mark.parametrize("edge", [8, 19, 30, 41, 59])
def test_likeness_is_defined_for_cubes_of_any_edge(edge: int) -> None:
    array = textured(4, edge)
    array[3] = array[0]
    found = likeness(array)
    assert found.shape == (4, 4)
    assert found[0, 3] == pytest.approx(1, abs=1e-5)
    assert found[0, 1] < 0.5


def test_exact_pairs_equal_a_comparison_of_all_pairs() -> None:
    array = textured(9)
    array[[1, 4, 7]] = array[0]
    found = exact_pairs(volume_set((3, 3, 3), array))
    naive = [(a, b) for a in range(9) for b in range(a + 1, 9) if (array[a] == array[b]).all()]
    assert sorted(found) == naive


def test_subjects_in_two_splits_and_unnamed_ones_are_found() -> None:
    array = textured(80)
    array[1::2] = 0.5 * array[::2] + 0.5 * array[1::2]  # every second volume resembles the one before
    volumes = volume_set((60, 10, 10), array)
    unnamed = audited(volumes)
    assert unnamed.neighbours.excess > ODD_EXCESS
    assert "likeness of neighbours" in flagged(unnamed)
    named = audited(replace(volumes, groups=tuple(f"g{row // 2}" for row in range(80))))
    assert named.neighbours.pairs == 39
    assert flagged(named) == set()
    groups = ("same", *volumes.groups[1:79], "same")
    assert audited(replace(volumes, groups=groups)).subjects_in_two_splits == ["same"]


def test_background_and_nearly_empty_volumes_are_counted() -> None:
    array = np.full((4, 20, 20, 20), 0.5, np.float32)
    array[1, :10] = 0
    array[2] = 0
    array[2, 0, 0, :3] = 1
    array[3, :5] = 0.04
    found = audited(volume_set((2, 1, 1), array))
    np.testing.assert_allclose(found.background[1], 0.375)
    assert found.nearly_empty == 1
    assert "nearly empty volumes" in flagged(found)


def test_restricted_data_show_neither_pictures_nor_names() -> None:
    volumes = replace(volume_set((4, 2, 2)), groups=("secret",) * 8, ids=tuple(f"secret{row}" for row in range(8)))
    found = audited(volumes)
    assert "secret" in json.dumps(found.model_dump(mode="json"))
    text = json.dumps(found.redacted().model_dump(mode="json"))
    assert "secret" not in text
    assert "a.npz" not in text
    assert found.redacted().sheet is None
    assert found.redacted().histogram == found.histogram


def test_the_contact_sheet_shows_planes_of_the_volumes() -> None:
    array = np.zeros((3, 20, 20, 20), np.float32)
    array[0, 10], array[1, :, 10], array[2, :, :, 10] = 1, 1, 1
    sheet = audited(volume_set((1, 1, 1), array)).sheet
    image = np.asarray(Image.open(io.BytesIO(base64.b64decode(str(sheet)))))
    assert image.shape[0] == 3 * 62
    for volume, column in enumerate((0, 66, 132)):  # a white plane seen from the front, a line in the others
        for axis in range(3):
            tile = image[62 * axis : 62 * axis + 60, column : column + 60]
            assert (tile == 255).all() if axis == volume else 0 < (tile == 255).mean() < 0.1


def test_findings_are_unchanged_by_writing_and_reading_and_damaged_files_are_refused(tmp_path: Path) -> None:
    data = Curated.of(volume_set((4, 2, 2)), "cube20")
    board = audit(data, make_manifest(data, AtomBoard("easy", "none", 1)))
    assert isinstance(board, BoardFindings)
    for found in (audited(data.volumes()), board):
        save_findings(tmp_path / "a.json", found)
        assert load_findings(tmp_path / "a.json") == found
    (tmp_path / "a.json").write_text('{"kind": "board"}')
    with pytest.raises(DataError, match=r"a\.json"):
        load_findings(tmp_path / "a.json")


def test_a_set_of_one_volume_can_be_audited() -> None:
    found = audited(volume_set((1, 0, 0)))
    assert found.neighbours.pairs == found.near_pairs[0] == 0
    assert found.neighbours.excess == 0
