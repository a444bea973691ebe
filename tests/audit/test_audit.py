import base64
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from atombench.audit.record import BoardFindings, Source, VolumeFindings, load_findings, save_findings
from atombench.audit.tables import ODD_EXCESS, board_table, volume_table
from atombench.audit.volumes import audit_volumes, exact_pairs, likeness
from atombench.cli import main
from atombench.errors import DataError
from atombench.tasks.atom.audit import audit_board
from atombench.tasks.atom.cases import case_rows
from atombench.tasks.atom.manifest import make_manifest
from atombench.volumes.volume_set import VolumeSet
from tests.conftest import ROOT, textured, volume_set
from tests.tasks.atom.naive import naive_section
from tests.volumes.on_disk import ABOUT


def audited(volumes: VolumeSet) -> VolumeFindings:
    return audit_volumes(volumes, 1, [Source(name="a.npz", algorithm="md5", checksum="00")])


def odd_names(found: VolumeFindings | BoardFindings) -> set[str]:
    table = volume_table(found) if isinstance(found, VolumeFindings) else board_table(found)
    return {line.name for line in table if line.odd}


def test_clean_volumes_raise_no_suspicion() -> None:
    found = audited(volume_set((30, 5, 10), textured(45) - 0.4))
    assert odd_names(found) == set()
    assert found.exact_pairs == found.near_pairs == (0, 0)
    assert abs(found.neighbours.excess) < ODD_EXCESS
    assert sum(found.histogram) == pytest.approx(1)


def test_equal_and_near_equal_volumes_of_two_splits_are_found() -> None:
    array = textured(20)
    array[15] = array[3]  # test and training
    array[4] = array[5]  # both training
    array[16] = array[2] + 0.01 * textured(1, seed=9)[0]
    found = audited(volume_set((10, 4, 6), array))
    assert found.exact_pairs == (2, 1)
    assert found.near_pairs == (3, 2)
    assert {(pair.first, pair.second) for pair in found.most_alike[:2]} == {("v0003", "v0015"), ("v0002", "v0016")}
    assert found.most_alike[0].splits == ("train", "test")
    assert {"equal volumes", "near-equal volumes"} <= odd_names(found)


def test_likeness_is_the_correlation_after_the_mean_volume_is_taken_off() -> None:
    array = textured(6)
    rest = (array - array.mean(axis=0)).reshape(6, -1)
    np.testing.assert_allclose(likeness(array, 1), np.corrcoef(rest), atol=1e-5)
    large = array.repeat(2, axis=1).repeat(2, axis=2).repeat(2, axis=3)
    np.testing.assert_allclose(likeness(large, 2), likeness(array, 1), atol=1e-5)
    assert not likeness(np.ones((3, 20, 20, 20), np.float32), 1).any()


def test_exact_pairs_equal_a_comparison_of_each_with_each() -> None:
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
    assert "likeness of neighbours" in odd_names(unnamed)
    named = audited(replace(volumes, groups=tuple(f"g{row // 2}" for row in range(80))))
    assert named.neighbours.pairs == 39
    assert odd_names(named) == set()
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
    assert "nearly empty volumes" in odd_names(found)


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


def test_a_boards_shares_equal_those_counted_one_by_one() -> None:
    volumes = volume_set((3, 2, 2), np.where(textured(7) > 0.55, textured(7), 0).astype(np.float32))
    manifest = make_manifest(volumes, "hard", "none", 1)
    found, sections = audit_board(volumes, manifest).parts["test"], manifest.parts["test"]
    unlabelled, empty, blank, outside, dark = [], [], [], [], []
    for row in range(len(sections)):
        volume = volumes.volumes[sections.volume[row]]
        pixels, points, _, fine = naive_section(volume, sections.centres[row], sections.normals[row], 1)
        unlabelled.append(not fine.any())
        empty.append((pixels < 0.05).all())
        blank.append(len(set(pixels.ravel())) == 1)
        outside.append(points.min() < 0 or points.max() > 19)
        dark.append((pixels < 0.05).mean())
    assert 0 < np.mean(empty) < 1
    for name, values in (
        ("unlabelled", unlabelled), ("empty", empty), ("blank", blank), ("outside", outside), ("background", dark),
    ):  # fmt: skip
        assert getattr(found, name) == pytest.approx(np.mean(values)), name


def test_a_boards_cases_hold_volume_pixels_pose_and_correct_boxes() -> None:
    volumes = volume_set((3, 2, 4), 1.2 * textured(9) - 0.1)
    manifest = make_manifest(volumes, "hard", "none", 1)
    sections, cases = manifest.parts["test"], audit_board(volumes, manifest).cases
    labels = sections.labels(manifest.grid)
    assert [case.section for case in cases] == case_rows(manifest, labels).tolist()
    for case in cases:
        row = case.section
        volume, centre, normal = volumes.volumes[sections.volume[row]], sections.centres[row], sections.normals[row]
        pixels, _, _, fine = naive_section(volume, centre, normal, 1)
        assert case.volume == volumes.ids[sections.volume[row]]
        for text, expected in ((case.voxels, volume), (case.pixels, pixels)):
            assert base64.b64decode(text) == np.rint(255 * np.clip(expected, 0, 1)).astype(np.uint8).tobytes()
        assert (case.centre, case.normal) == (centre.tolist(), normal.tolist())
        assert case.boxes == np.flatnonzero(fine).tolist() != []


def test_restricted_data_and_secret_boards_have_no_cases() -> None:
    volumes = volume_set((3, 2, 2))
    manifest = make_manifest(volumes, "hard", "none", 1)
    found = audit_board(volumes, manifest)
    assert found.redacted() == found.model_copy(update={"cases": []})
    assert audit_board(volumes, replace(manifest, gathering="hard-secret")).cases == []


def test_what_the_released_sampler_does_wrong_is_visible_and_the_uniform_one_does_not() -> None:
    volumes = volume_set((40, 5, 20), textured(65) + 0.1)
    released, uniform = (audit_board(volumes, make_manifest(volumes, name, "none", 1)) for name in ("hard", "uniform"))
    assert odd_names(released) == {
        "positions", "depths", "positions also in training", "depths also in training",
        "normals without a negative component", "unlabelled",
    }  # fmt: skip
    assert odd_names(uniform) == set()
    test = released.parts["test"]
    assert (test.positions, test.depths) == (168, [0, 9, 11, 17])
    assert test.positions_in_training == pytest.approx(20 / 168)  # five (i, j) of the two draws coincide
    assert test.first_octant == test.depths_in_training == 1
    assert 0.2 < uniform.parts["test"].first_octant < 0.3


@pytest.mark.parametrize(
    ("split", "shared"), [("none", (20 / 168, 0)), ("pos", (1, 0)), ("vol", (0, 1))]
)  # fmt: skip
def test_split_rules_share_what_they_say(split: str, shared: tuple[float, float]) -> None:
    volumes = volume_set((6, 2, 2))
    test = audit_board(volumes, make_manifest(volumes, "easy", split, 1)).parts["test"]
    assert (test.positions_in_training, test.volumes_in_training) == pytest.approx(shared)
    assert sum(test.place_counts) == sum(test.depth_counts) == test.sections


def test_findings_survive_their_file_and_damage_is_refused(tmp_path: Path) -> None:
    volumes = volume_set((4, 2, 2))
    board = audit_board(volumes, make_manifest(volumes, "easy", "none", 1))
    for found in (audited(volumes), board):
        save_findings(tmp_path / "a.json", found)
        assert load_findings(tmp_path / "a.json") == found
    (tmp_path / "a.json").write_text('{"kind": "board"}')
    with pytest.raises(DataError, match=r"a\.json"):
        load_findings(tmp_path / "a.json")


def test_the_command_writes_nothing_that_is_restricted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    volumes = volume_set((4, 2, 2), name="mine")
    volumes.save(tmp_path / "v.npz")
    make_manifest(volumes, "hard", "none", 1).save(tmp_path / "m.parquet")
    row = {**ABOUT, "kind": "mni-subjects", "template": "t", "template_sha256": "0", "train": 4, "val": 2, "test": 2}
    for restricted in (True, False):
        (tmp_path / "d.yaml").write_text(json.dumps({"mine": {**row, "restricted": restricted}}))
        files = ["--volumes", str(tmp_path / "v.npz"), "--out", str(tmp_path / "a.json")]
        with pytest.raises(SystemExit, match="0"):
            main(["audit-data", "mine", *files, "--registry", str(tmp_path / "d.yaml")])
        assert ("v0000" in (tmp_path / "a.json").read_text()) != restricted
        assert ("iVBOR" in (tmp_path / "a.json").read_text()) != restricted
        with pytest.raises(SystemExit, match="0"):
            main(
                [
                    "audit-data",
                    "mine",
                    *files,
                    "--manifest",
                    str(tmp_path / "m.parquet"),
                    "--registry",
                    str(tmp_path / "d.yaml"),
                ]
            )
        board = load_findings(tmp_path / "a.json")
        assert isinstance(board, BoardFindings)
        assert len(board.cases) == (0 if restricted else 6)
    capsys.readouterr()


def test_a_set_of_one_volume_can_be_audited() -> None:
    found = audited(volume_set((1, 0, 0)))
    assert found.neighbours.pairs == found.near_pairs[0] == 0
    assert found.neighbours.excess == 0


def test_the_command_prints_a_table_and_writes_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    volumes = volume_set((4, 2, 2), name="mni-subjects")
    volumes.save(tmp_path / "v.npz")
    make_manifest(volumes, "hard", "none", 1).save(tmp_path / "m.parquet")
    arguments = ["audit-data", "mni-subjects", "--volumes", str(tmp_path / "v.npz"), "--out", str(tmp_path / "a.json")]
    for extra, words in (([], "likeness of neighbours"), (["--manifest", str(tmp_path / "m.parquet")], "! unlabelled")):
        with pytest.raises(SystemExit, match="0"):
            main([*arguments, *extra])
        assert words in capsys.readouterr().out
    assert isinstance(load_findings(tmp_path / "a.json"), BoardFindings)
    with pytest.raises(SystemExit, match="1"):
        main(["audit-data", "hippocampus", *arguments[2:]])
    assert "holds 'mni-subjects', expected 'hippocampus'" in capsys.readouterr().err
