from pathlib import Path

import numpy as np
import pytest

from atombench.errors import ConfigError, DataError
from atombench.volumes import medmnist, mni_subjects
from atombench.volumes.registry import MedMnistRow, find_row, read_registry
from atombench.volumes.volume_set import VolumeSet
from tests.conftest import ROOT

REGISTRY = ROOT / "config/datasets.yaml"


def test_the_registry_holds_the_papers_sets_ixi_and_the_default() -> None:
    rows = read_registry(REGISTRY)
    assert {"organmnist3d", "nodulemnist3d", "fracturemnist3d", "vesselmnist3d", "ixi-t1", "mni-subjects"} <= set(rows)


def test_an_unknown_dataset_is_answered_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="unknown dataset 'vesselmnist'; did you mean 'vesselmnist3d'"):
        find_row("vesselmnist", REGISTRY)


def test_an_unknown_key_of_a_row_is_answered_with_the_nearest(tmp_path: Path) -> None:
    text = REGISTRY.read_text().replace("flag: organmnist3d", "flagg: organmnist3d")
    (tmp_path / "d.yaml").write_text(text)
    with pytest.raises(ConfigError, match=r"flagg.*did you mean.*flag'"):
        read_registry(tmp_path / "d.yaml")


@pytest.mark.parametrize("flag", ["organmnist3d", "nodulemnist3d", "fracturemnist3d", "vesselmnist3d"])
def test_addresses_and_sums_are_those_of_the_medmnist_package(flag: str) -> None:
    info = medmnist.package_info()[flag]
    row = find_row(flag, REGISTRY)
    (file,) = medmnist.sources(row)
    assert (file.name, file.url, file.checksum) == (f"{flag}.npz", info["url"], info["MD5"])
    (large,) = medmnist.sources(row.model_copy(update={"size": 64}))
    assert (large.name, large.url, large.checksum) == (f"{flag}_64.npz", info["url_64"], info["MD5_64"])
    assert info["url"] not in REGISTRY.read_text()


def _npz(path: Path, **changed: np.ndarray) -> Path:
    counts = medmnist.package_info()["vesselmnist3d"]["n_samples"]
    arrays = {}
    for split, count in counts.items():
        arrays[f"{split}_images"] = np.random.default_rng(0).integers(0, 256, (count, 28, 28, 28), np.uint8)
        arrays[f"{split}_labels"] = np.zeros((count, 1), np.uint8)
    np.savez(path, **{**arrays, **changed})
    return path


def test_a_medmnist_file_gives_official_splits_in_order_scaled_to_one(tmp_path: Path) -> None:
    row = find_row("vesselmnist3d", REGISTRY)
    volumes = list(medmnist.read(row, {"v": _npz(tmp_path / "v.npz")}))
    assert [sum(v.split == split for v in volumes) for split in ("train", "val", "test")] == [1335, 191, 382]
    assert volumes[1335].id == "val-0000"
    assert volumes[0].label == "vessel"
    assert volumes[0].array.max() == 1.0


def test_a_medmnist_file_of_a_wrong_shape_is_refused(tmp_path: Path) -> None:
    row = find_row("vesselmnist3d", REGISTRY)
    path = _npz(tmp_path / "v.npz", val_images=np.zeros((191, 28, 28), np.uint8))
    with pytest.raises(DataError, match=r"expected val_images of shape \(191, 28, 28, 28\), got \(191, 28, 28\)"):
        list(medmnist.read(row, {"v": path}))


def test_an_unknown_medmnist_set_is_answered_with_the_nearest() -> None:
    row = MedMnistRow(kind="medmnist", flag="vesselmnist", title="", modality="", licence="", cite="")
    with pytest.raises(ConfigError, match="did you mean 'vesselmnist3d'"):
        medmnist.sources(row)


def test_the_embedded_subjects_differ_and_keep_their_stream(mni: VolumeSet) -> None:
    assert [mni.splits.count(split) for split in ("train", "val", "test")] == [120, 16, 24]
    flat = mni.volumes.reshape(160, -1)
    alike = np.corrcoef(flat) - np.eye(160)
    assert 0.3 < alike.max() < 0.99
    assert mni_subjects.draw("subject-007").gamma == mni_subjects.draw("subject-007").gamma
    assert mni_subjects.draw("subject-007").gamma != mni_subjects.draw("subject-008").gamma
    np.testing.assert_allclose(mni.spacing, 3.0 * 63 / 19)
