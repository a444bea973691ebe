import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from atombench.errors import ConfigError, DataError
from atombench.volumes.curated import Curated
from atombench.volumes.forms import CubeForm, read_form
from atombench.volumes.index import Index
from atombench.volumes.raw_volume import RawVolume
from atombench.volumes.registry import find_row
from atombench.volumes.volume_set import VolumeSet
from tests.conftest import ROOT, textured


@pytest.fixture
def placed(toy: VolumeSet) -> VolumeSet:
    """The toy volumes with facts, and with an affine for all but the first."""
    affines = np.tile(np.diag([2.0, 3.0, 4.0, 1.0]), (len(toy.ids), 1, 1))
    affines[:, 0, 3] = 0.1 + 1 / 3  # no short decimal fraction
    affines[0] = np.nan
    return replace(toy, affines=affines, facts={"age": ("old",) * len(toy.ids)})


def test_the_index_is_read_without_the_voxels(placed: VolumeSet, tmp_path: Path) -> None:
    Curated.of(placed, "cube20").save(tmp_path)
    (tmp_path / "curated.npz").unlink()
    index = Curated.open(tmp_path).index
    assert (index.dataset, index.form, index.digest) == ("toy", "cube20", placed.digest)
    assert index.shape == (20, 20, 20)
    assert (index.ids, index.groups, index.labels, index.splits) == (placed.ids, placed.groups, placed.labels, placed.splits)
    assert index.facts == {"age": ("old",) * 13}
    assert index.spacing[0] == (2.0, 3.0, 4.0)
    assert index.affines[0] is None
    np.testing.assert_array_equal(index.affines[1], placed.affines[1])
    for split in ("train", "val", "test"):
        np.testing.assert_array_equal(index.rows(split), placed.rows(split))


def test_volumes_survive_the_folder_and_give_the_same_bytes(placed: VolumeSet, tmp_path: Path) -> None:
    for name in ("a", "b"):
        Curated.of(placed, "cube20").save(tmp_path / name)
    for file in ("curated.npz", "curated.json"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
    curated = Curated.open(tmp_path / "a")
    volumes = curated.volumes()
    assert volumes.digest == placed.digest
    np.testing.assert_array_equal(volumes.affines, placed.affines)
    assert curated.volumes() is volumes


def test_volumes_in_memory_need_no_folder(toy: VolumeSet) -> None:
    curated = Curated.of(toy)
    assert curated.volumes() is toy
    assert curated.index == toy.index()
    assert curated.index.form == ""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"digest": "0" * 64}, "disagree in digest; delete both files and curate toy again"),
        ({"dataset": "other"}, "disagree in dataset; delete both files and curate other again"),
        ({"labels": ["x"] * 13}, "disagree in labels"),
        ({"affines": [None] * 13}, "disagree in affines"),
        ({"shapes": [[20, 20, 19]] * 13}, "disagree in shapes"),
    ],
)
def test_an_index_that_does_not_match_the_volumes_is_refused(
    change: dict[str, Any], message: str, placed: VolumeSet, tmp_path: Path
) -> None:
    Curated.of(placed, "cube20").save(tmp_path)
    path = tmp_path / "curated.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(DataError, match=message) as error:
        Curated.open(tmp_path).volumes()
    assert "\n" not in str(error.value)


def test_an_index_beside_the_volumes_of_another_set_is_refused(toy: VolumeSet, tmp_path: Path) -> None:
    Curated.of(toy, "cube20").save(tmp_path)
    replace(toy, volumes=toy.volumes / 2).save(tmp_path / "curated.npz")
    with pytest.raises(DataError, match="disagree in digest"):
        Curated.open(tmp_path).volumes()


def test_a_save_that_fails_leaves_no_index(toy: VolumeSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Curated.of(toy, "cube20").save(tmp_path)
    monkeypatch.setattr(np, "savez", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        Curated.of(replace(toy, dataset="second")).save(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["curated.npz"]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: text[: len(text) // 2], "not valid JSON"),
        (lambda text: "", "not valid JSON"),
        (lambda text: json.dumps({**json.loads(text), "ids": ["v0000"]}), "expected 1 entries, one per id"),
        (lambda text: json.dumps({**json.loads(text), "ids": ["v0000"] * 13}), "ids must be unique.*v0000"),
        (lambda text: json.dumps({**json.loads(text), "splits": ["dev"] * 13}), "splits.0"),
        (lambda text: json.dumps({**json.loads(text), "scale": 1}), "unknown key 'scale'"),
        (lambda text: json.dumps({**json.loads(text), "facts": {"age": []}}), "facts.age has 0"),
        (lambda text: "[]", "top level"),
    ],
)
def test_a_damaged_index_is_refused_in_one_line(damage: Any, message: str, toy: VolumeSet, tmp_path: Path) -> None:
    Curated.of(toy, "cube20").save(tmp_path)
    path = tmp_path / "curated.json"
    path.write_text(damage(path.read_text()))
    with pytest.raises(DataError, match=message) as error:
        _ = Curated.open(tmp_path).index
    assert "\n" not in str(error.value)
    assert str(path) in str(error.value)


def test_a_missing_folder_and_an_unwritable_one_are_named(toy: VolumeSet, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot read .*nothing/curated\.json: No such file"):
        _ = Curated.open(tmp_path / "nothing").index
    with pytest.raises(DataError, match=r"cannot read .*nothing/curated\.npz: No such file"):
        Curated.open(tmp_path / "nothing").volumes()
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match=r"cannot write .*file/curated\.json"):
        Curated.of(toy).save(tmp_path / "file")


def test_volumes_of_several_shapes_have_no_common_shape(toy: VolumeSet) -> None:
    content = toy.index().model_dump()
    ragged = Index.model_validate({**content, "shapes": [(20, 20, 20), *[(20, 20, 19)] * 12]})
    with pytest.raises(DataError, match="volumes of 2 shapes, expected one shape"):
        _ = ragged.shape


@pytest.mark.parametrize("edge", [2, 20, 40, 60])
def test_a_form_is_known_by_its_name(edge: int) -> None:
    form = read_form(f"cube{edge}")
    assert form == CubeForm(edge)
    assert form.name == f"cube{edge}"


@pytest.mark.parametrize("name", ["", "x1", "cube", "cube020", "cube-20", "cube20 ", "Cube20", "cube20x", "cube99999"])
def test_an_unknown_form_is_answered_with_the_valid_ones(name: str) -> None:
    with pytest.raises(ConfigError, match=r"unknown form .*valid: cubeN.* such as cube20"):
        read_form(name)


def test_a_cube_of_one_voxel_is_refused() -> None:
    with pytest.raises(ConfigError, match="edge of 2 voxels or more, got 1"):
        read_form("cube1")


def test_the_cube_form_resamples_to_its_edge_and_names_itself() -> None:
    row = find_row("mni-subjects", ROOT / "config/datasets.yaml")
    arrays = textured(3).astype(float)
    raw = [RawVolume(name, name, "", "train", array, np.ones(3)) for name, array in zip("abc", arrays, strict=True)]
    curated = read_form("cube8").curate("toy", raw, row)
    assert curated.volumes().volumes.shape == (3, 8, 8, 8)
    assert curated.index.form == "cube8"
    hidden = read_form("cube8").curate("toy", raw, row.model_copy(update={"restricted": True}))
    assert not {"a", "b", "c"} & set(hidden.index.ids)
