"""Brain extraction: masks in files, masks found by ROBEX, and addresses of public sets of heads."""

import ast
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from atombench.errors import ConfigError, DataError
from atombench.volumes.brain import extracted, robex_mask
from atombench.volumes.image import Image
from atombench.volumes.nifti import read_image
from atombench.volumes.registry import CollectionRow, find_row
from tests.conftest import ROOT, needs
from tests.volumes.building import COMMON, curated, problems, row_of
from tests.volumes.on_disk import SPACING, brains, save_nifti

REGISTRY = ROOT / "config/datasets.yaml"
HEADS = "ixi-hh-t1/native_2mm"


def heads(folder: Path) -> dict[str, Any]:
    """Write heads of three subjects with masks of different sizes; return their row."""
    for number, name in enumerate("abc"):
        array = brains(3)[number]
        mask = np.zeros_like(array)
        mask[2:20, 3 + number : 18, 4:16] = 1
        save_nifti(folder / "image" / f"{name}_image.nii.gz", array)
        save_nifti(folder / "label" / f"{name}_label.nii.gz", mask, "LPS")
    images = {"kind": "nifti-folder", "folder": folder.name, "images": "image/{subject}_image.nii.gz"}
    return {**COMMON, **images, "brain": "label/{subject}_label.nii.gz", "mixed_shapes": True, "split": "test"}


def test_a_brain_is_cropped_to_its_mask_and_keeps_its_place_in_the_world() -> None:
    affine = nibabel.affines.from_matvec(np.diag([2.0, 3.0, 4.0]), [10.0, 20.0, 30.0])
    mask = np.zeros((6, 7, 8), bool)
    mask[1:4, 2:6, 3:5] = True
    mask[1, 2, 3] = False
    voxels = np.random.default_rng(0).random((6, 7, 8))
    found = extracted(Image(voxels, np.array([2.0, 3.0, 4.0]), affine), mask, "a")
    np.testing.assert_array_equal(found.voxels, np.where(mask, voxels, 0)[1:4, 2:6, 3:5])
    assert found.affine is not None
    np.testing.assert_allclose(found.affine @ [0, 0, 0, 1], affine @ [1, 2, 3, 1])
    np.testing.assert_allclose(found.affine @ [2, 3, 1, 1], affine @ [3, 5, 4, 1])
    with pytest.raises(DataError, match=r"a: the mask has shape \(6, 7, 8\), expected \(2, 2, 2\)"):
        extracted(Image(np.zeros((2, 2, 2)), np.ones(3), None), mask, "a")
    with pytest.raises(DataError, match="a: the mask covers 0 % of the voxels, expected at least 1 %"):
        extracted(Image(voxels, np.ones(3), None), np.zeros_like(mask), "a")


def test_masks_of_a_folder_are_read_with_its_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = curated(heads(tmp_path / "scans"), tmp_path, monkeypatch)
    assert found.volumes.shape == (3, 20, 20, 20)
    np.testing.assert_allclose(found.spacing[:, 1], [SPACING[1] * (length - 1) / 19 for length in (15, 14, 13)])
    save_nifti(tmp_path / "scans/label/b_label.nii.gz", np.ones_like(brains(1)[0])[:5])
    row = heads(tmp_path / "scans")
    save_nifti(tmp_path / "scans/label/b_label.nii.gz", np.ones_like(brains(1)[0]), spacing=(9.0, 9.0, 9.0))
    assert "the mask of image/b_image.nii.gz is not on its grid" in problems(row, tmp_path, monkeypatch)


def test_a_row_has_either_contrasts_or_brain_extraction(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="contrasts of extracted brains are not supported"):
        row_of({**heads(tmp_path / "scans"), "contrasts": {"t2": "{subject}_T2.nii.gz"}}, tmp_path)
    with pytest.raises(ConfigError, match="expected a path inside the folder"):
        row_of({**heads(tmp_path / "scans"), "brain": "../{subject}.nii.gz"}, tmp_path)


def test_a_head_of_unknown_position_and_a_failure_of_robex_are_reported() -> None:
    flat = Image(np.zeros((8, 8, 8)), np.ones(3), np.eye(4))
    with pytest.raises(DataError, match="head: ROBEX failed"):
        robex_mask(flat, "head")
    with pytest.raises(DataError, match="head: brain extraction needs to know the image's position"):
        robex_mask(flat._replace(affine=None), "head")


@pytest.mark.thorough
def test_robex_finds_the_brain_of_a_real_head() -> None:
    """Dice overlap with an independent segmentation of the same head, which a network made."""
    folders = [Path(part) / HEADS for part in os.environ.get("ATOMBENCH_DATA_DIRS", "").split(":") if part]
    folder = next((path for path in folders if path.is_dir()), None)
    needs(folder is not None, f"{HEADS} is available")
    assert folder is not None
    head, labels = (read_image(folder / f"IXI013-HH-1212_{name}.nii.gz") for name in ("T1", "DLMUSE"))
    found, expected = robex_mask(head, "head"), labels.voxels > 0
    assert 2 * (found & expected).sum() / (found.sum() + expected.sum()) > 0.9


@pytest.mark.long
def test_addresses_and_sums_of_archives_are_those_of_the_packages_that_publish_them(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(tmp_path)]
    done = subprocess.run([*command, "torchio==1.2.1", "monai==1.6.1"], capture_output=True, text=True)
    needs(done.returncode == 0, f"torchio and monai can be downloaded: {done.stderr[-200:]}")
    texts = {path.name.split("-")[0]: _strings(path) for path in tmp_path.glob("*.whl")}
    for name, package in (("ixi-tiny", "torchio"), ("ixi", "torchio"), ("msd-hippocampus", "monai")):
        row = find_row(name, REGISTRY)
        assert isinstance(row, CollectionRow)
        for archive in row.archives:
            assert archive.url.replace("IXI-T1", "IXI-{modality}") in texts[package], name
            assert archive.md5 in texts[package], name


def _strings(wheel: Path) -> set[str]:
    """Return all string literals in the modules of a package that define datasets; nothing is imported."""
    found = set()
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if name.endswith(".py") and "datasets" in name:
                tree = ast.parse(archive.read(name))
                found |= {
                    node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)
                }
    return found
