import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from atombench.errors import DataError
from atombench.volumes.curate import curate, resample
from atombench.volumes.raw_volume import RawVolume
from atombench.volumes.volume_set import VolumeSet
from tests.conftest import textured, volume_set


def raw(name: str, array: np.ndarray, split: str = "train") -> RawVolume:
    return RawVolume(name, name, "", split, array, np.array([1.0, 2.0, 3.0]))


def test_resampling_is_the_released_codes_cubic_zoom() -> None:
    source = np.random.default_rng(0).random((28, 28, 28))
    np.testing.assert_array_equal(resample(source, 20), ndimage.zoom(source, 20 / 28, order=3).astype(np.float32))


def test_volumes_of_any_shape_get_one_size_and_their_spacing_follows() -> None:
    volumes = curate("toy", [raw("a", np.random.default_rng(0).random((39, 20, 58)))], 20)
    assert volumes.volumes.shape == (1, 20, 20, 20)
    np.testing.assert_allclose(volumes.spacing[0], [2.0, 2.0, 9.0])  # first and last voxel stay where they are


def test_all_unusable_volumes_are_named_in_one_message() -> None:
    good = textured(1)[0].astype(float)
    hole = good.copy()
    hole[3, 3, 3] = np.nan
    with pytest.raises(DataError) as error:
        curate("toy", [raw("a", good), raw("b", hole), raw("c", 0 * good), raw("d", good[0]), raw("e", good[..., None])], 20)
    message = str(error.value)
    assert len(message.splitlines()) == 5
    for words in (
        "toy: 4 problems",
        "b holds 1 voxels that are NaN",
        "c is constant",
        "d has 2 dimensions",
        "e has 4 dimensions",
    ):
        assert words in message


def test_a_flat_axis_is_refused() -> None:
    with pytest.raises(DataError, match="at least 2 voxels"):
        curate("toy", [raw("a", np.random.default_rng(0).random((5, 5, 1)))], 20)


def test_an_empty_collection_is_refused() -> None:
    with pytest.raises(DataError, match="no volumes found"):
        curate("toy", [], 20)


def test_a_set_survives_its_file_and_gives_the_same_bytes(toy: VolumeSet, tmp_path: Path) -> None:
    toy.save(tmp_path / "a.npz")
    toy.save(tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    found = VolumeSet.load(tmp_path / "a.npz")
    assert found.digest == toy.digest
    np.testing.assert_array_equal(found.volumes, toy.volumes)


@pytest.mark.parametrize("kept", [0, 10, 1000, -200])
def test_a_truncated_file_is_refused_in_one_line(toy: VolumeSet, tmp_path: Path, kept: int) -> None:
    path = tmp_path / "v.npz"
    toy.save(path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(DataError, match="truncated or not an npz") as error:
        VolumeSet.load(path)
    assert "\n" not in str(error.value)


def test_pickles_are_never_loaded(tmp_path: Path) -> None:
    np.savez(tmp_path / "v.npz", volumes=np.array([{"a": 1}], dtype=object))
    with pytest.raises(DataError):
        VolumeSet.load(tmp_path / "v.npz")


def test_content_that_does_not_match_its_digest_is_refused(toy: VolumeSet, tmp_path: Path) -> None:
    toy.save(tmp_path / "v.npz")
    arrays = dict(np.load(tmp_path / "v.npz"))
    arrays["volumes"][0, 0, 0, 0] += 1
    np.savez(tmp_path / "v.npz", **arrays)
    with pytest.raises(DataError, match=f"expected {toy.digest}"):
        VolumeSet.load(tmp_path / "v.npz")


def test_a_missing_file_and_an_unwritable_folder_are_named(toy: VolumeSet, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot read .*nothing\.npz: No such file"):
        VolumeSet.load(tmp_path / "nothing.npz")
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match=re.escape(f"cannot write {tmp_path / 'file' / 'v.npz'}")):
        toy.save(tmp_path / "file" / "v.npz")


def test_misshapen_or_repeated_content_is_refused() -> None:
    with pytest.raises(DataError, match=r"shape \(N, I, J, K\)"):
        volume_set((1, 0, 0), np.zeros((1, 20, 20), np.float32))
    good = volume_set((2, 0, 0))
    with pytest.raises(DataError, match="must be unique, but these are repeated: v0000"):
        VolumeSet("toy", good.volumes, ("v0000", "v0000"), good.groups, good.labels, good.splits, good.spacing)
    with pytest.raises(DataError, match="splits must be one of"):
        VolumeSet("toy", good.volumes, good.ids, good.groups, good.labels, ("train", "dev"), good.spacing)


def test_volumes_need_not_be_cubes_but_have_no_edge_then() -> None:
    slabs = volume_set((1, 0, 0), np.zeros((1, 20, 30, 10), np.float32))
    assert slabs.index().shape == (20, 30, 10)
    with pytest.raises(DataError, match=r"toy has volumes of shape \(20, 30, 10\), expected cubes"):
        _ = slabs.edge


@pytest.mark.parametrize(
    ("affines", "message"),
    [
        (np.zeros((2, 4, 4)), r"expected affines of shape \(1, 4, 4\), got \(2, 4, 4\)"),
        (np.diag([1, 1, np.nan, 1])[None], "expected each affine to be finite, or NaN throughout"),
    ],
)
def test_affines_of_a_wrong_shape_or_with_holes_are_refused(affines: np.ndarray, message: str) -> None:
    good = volume_set((1, 0, 0))
    with pytest.raises(DataError, match=message):
        replace(good, affines=affines)


def test_an_affine_that_is_not_finite_is_listed_as_a_problem() -> None:
    volume = replace(raw("a", textured(1)[0].astype(float)), affine=np.full((4, 4), np.nan))
    with pytest.raises(DataError, match="a has an affine of shape"):
        curate("toy", [volume], 20)


def test_affines_survive_the_file_and_are_outside_of_the_digest(toy: VolumeSet, tmp_path: Path) -> None:
    placed = replace(toy, affines=np.tile(np.diag([2.0, 3.0, 4.0, 1.0]), (len(toy.ids), 1, 1)))
    placed.save(tmp_path / "v.npz")
    np.testing.assert_array_equal(VolumeSet.load(tmp_path / "v.npz").affines, placed.affines)
    assert placed.digest == toy.digest
    assert np.isnan(toy.affines).all()
