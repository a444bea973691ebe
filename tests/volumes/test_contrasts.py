"""Rows with several contrasts of the same tissue, rows for testing only, and the registry of local folders."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from atombench.errors import ConfigError, DataError, FetchError
from atombench.volumes.curate import resample
from atombench.volumes.curated import Curated
from atombench.volumes.fetch import fetch
from atombench.volumes.forms import read_form
from atombench.volumes.registry import LOCAL_ROWS, CollectionRow, read_registry
from atombench.volumes.sources import reader_of
from atombench.volumes.volume_set import VolumeSet
from tests.conftest import ROOT
from tests.volumes.building import COMMON, curated, problems, row_of
from tests.volumes.on_disk import brains, save_nifti

NAMES = ("a", "b", "c")


def several(folder: Path, contrasts: dict[str, str] | None = None) -> dict[str, Any]:
    """Write T1 and T2 images of three subjects, and a CT image of nobody; return their row."""
    for number, name in enumerate(NAMES):
        save_nifti(folder / f"{name}_T1.nii.gz", brains(7)[number])
        save_nifti(folder / f"{name}_T2.nii.gz", brains(7)[number + 3], "LPS")
    save_nifti(folder / "template_CT.nii.gz", brains(7)[6])
    contrasts = contrasts or {"t2": "{subject}_T2.nii.gz", "ct": "template_CT.nii.gz"}
    images = {"kind": "nifti-folder", "folder": folder.name, "images": "{subject}_T1.nii.gz", "contrasts": contrasts}
    return {**COMMON, **images, "split": "test"}


def test_contrasts_are_curated_voxel_by_voxel_like_the_volume(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = curated(several(tmp_path / "scans"), tmp_path, monkeypatch)
    assert found.ids == NAMES
    assert found.splits == ("test",) * 3
    for name, first in (("", 0), ("t2", 3)):
        scaled = [(array - array.min()) / np.ptp(array) for array in brains(7)[first : first + 3].astype(float)]
        np.testing.assert_array_equal(found.in_contrast(name), np.stack([resample(array, 20) for array in scaled]))
    assert np.ptp(found.in_contrast("ct"), axis=0).max() == 0, "one file serves every subject"
    with pytest.raises(DataError, match="mine has no contrast 'pd'; it has ct, t2"):
        found.in_contrast("pd")


def test_contrasts_are_saved_and_belong_to_the_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = curated(several(tmp_path / "scans"), tmp_path, monkeypatch)
    found.save(tmp_path / "set.npz")
    loaded = VolumeSet.load(tmp_path / "set.npz")
    np.testing.assert_array_equal(loaded.in_contrast("t2"), found.in_contrast("t2"))
    Curated.of(found, "cube20").save(tmp_path)
    assert Curated.open(tmp_path).index.contrasts == ("ct", "t2")
    assert Curated.open(tmp_path).volumes().digest == found.digest
    fewer = curated(several(tmp_path / "scans", {"t2": "{subject}_T2.nii.gz"}), tmp_path, monkeypatch)
    assert fewer.digest != found.digest
    np.testing.assert_array_equal(found.take(np.array([2])).in_contrast("t2"), found.in_contrast("t2")[2:])


def test_background_of_every_contrast_is_zero_in_a_zeroed_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = curated(several(tmp_path / "scans"), tmp_path, monkeypatch)
    row = row_of(several(tmp_path / "scans"), tmp_path)
    reader = reader_of(row.kind)
    raw = reader.read(row, fetch(reader.sources(row), tmp_path / "cache"))
    zeroed = read_form("cube20-zeroed").curate("mine", raw, row).volumes().in_contrast("t2")
    faint = found.in_contrast("t2") < 0.02
    assert faint.any()
    np.testing.assert_array_equal(zeroed, np.where(faint, 0, found.in_contrast("t2")))


def test_a_contrast_on_another_grid_or_without_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = several(tmp_path / "scans")
    save_nifti(tmp_path / "scans" / "b_T2.nii.gz", brains(1)[0], spacing=(1.0, 1.0, 1.0))
    save_nifti(tmp_path / "scans" / "c_T2.nii.gz", brains(1)[0][:10])
    text = problems(row, tmp_path, monkeypatch)
    for name in ("b", "c"):
        assert f"{name}_T2.nii.gz is not on the grid of {name}_T1.nii.gz; resample it first" in text
    save_nifti(tmp_path / "scans" / "b_T2.nii.gz", np.ones_like(brains(1)[0]))
    assert "b_T1.nii.gz: contrast t2 is constant" in problems(row, tmp_path, monkeypatch)
    (tmp_path / "scans" / "c_T2.nii.gz").unlink()
    with pytest.raises(FetchError, match=r"c_T2\.nii\.gz"):
        curated(row, tmp_path, monkeypatch)


@pytest.mark.parametrize("path", ["../{subject}.nii.gz", "/{subject}.nii.gz", "*_T2.nii.gz", "{patient}_T2.nii.gz"])
def test_paths_of_contrasts_stay_in_the_folder_and_are_unambiguous(path: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected a path inside the folder"):
        row_of(several(tmp_path / "scans", {"t2": path}), tmp_path)


def test_rows_of_local_folders_are_read_with_the_registry(tmp_path: Path) -> None:
    row = several(tmp_path / "scans")
    (tmp_path / "datasets.yaml").write_text(yaml.safe_dump({"one": row}))
    (tmp_path / LOCAL_ROWS).write_text(yaml.safe_dump({"two": row}))
    assert set(read_registry(tmp_path / "datasets.yaml")) == {"one", "two"}
    (tmp_path / LOCAL_ROWS).write_text(yaml.safe_dump({"one": row}))
    with pytest.raises(ConfigError, match=r"datasets-local\.yaml both have a row 'one'"):
        read_registry(tmp_path / "datasets.yaml")


def test_every_shipped_row_that_anybody_can_fetch_has_an_address() -> None:
    shared = yaml.safe_load((ROOT / "config/datasets.yaml").read_text())
    for name, row in read_registry(ROOT / "config/datasets.yaml").items():
        if isinstance(row, CollectionRow) and not row.restricted:
            assert bool(row.archives) == (name in shared), name
