import re
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from atombench.errors import DataError
from atombench.volumes.curate import RawVolume, curate, resample
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


def test_content_that_does_not_fit_its_digest_is_refused(toy: VolumeSet, tmp_path: Path) -> None:
    toy.save(tmp_path / "v.npz")
    arrays = dict(np.load(tmp_path / "v.npz"))
    arrays["volumes"][0, 0, 0, 0] += 1
    np.savez(tmp_path / "v.npz", **arrays)
    with pytest.raises(DataError, match=f"it says {toy.digest}"):
        VolumeSet.load(tmp_path / "v.npz")


def test_a_missing_file_and_an_unwritable_place_are_named(toy: VolumeSet, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot read .*nothing\.npz: No such file"):
        VolumeSet.load(tmp_path / "nothing.npz")
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match=re.escape(f"cannot write {tmp_path / 'file' / 'v.npz'}")):
        toy.save(tmp_path / "file" / "v.npz")


def test_misshapen_or_repeated_content_is_refused() -> None:
    with pytest.raises(DataError, match=r"shape \(N, E, E, E\)"):
        volume_set((1, 0, 0), np.zeros((1, 20, 20, 10), np.float32))
    good = volume_set((2, 0, 0))
    with pytest.raises(DataError, match="must be unique; twice: v0000"):
        VolumeSet("toy", good.volumes, ("v0000", "v0000"), good.groups, good.labels, good.splits, good.spacing)
    with pytest.raises(DataError, match="splits must be of"):
        VolumeSet("toy", good.volumes, good.ids, good.groups, good.labels, ("train", "dev"), good.spacing)
