"""Collections of every kind, written with the registry row that reads them, and read by it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from atombench.errors import DataError
from atombench.volumes.curate import curate
from atombench.volumes.fetch import DATA_DIRS, fetch
from atombench.volumes.registry import find_row
from atombench.volumes.sources import reader_of
from atombench.volumes.volume_set import VolumeSet
from tests.volumes.on_disk import ABOUT, brains, save_dicom, save_nifti, save_table, save_tensor

SUBJECTS = [f"s{number:02d}" for number in range(10)]
Build = Callable[..., dict[str, Any]]


def row_of(content: dict[str, Any], folder: Path) -> Any:
    """Registry row read from a file, as a user writes it."""
    path = folder / "datasets.yaml"
    path.write_text(yaml.safe_dump({"mine": content}))
    return find_row("mine", path)


def curated(content: dict[str, Any], top: Path, monkeypatch: pytest.MonkeyPatch) -> VolumeSet:
    """Fetch and curate a collection below `top`, by its row alone."""
    monkeypatch.setenv(DATA_DIRS, str(top))
    row = row_of(content, top)
    reader = reader_of(row.kind)
    files = fetch(reader.sources(row), top / "cache")
    return curate("mine", reader.read(row, files), 20, row.mixed_shapes, row.restricted)


def problems(content: dict[str, Any], top: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    with pytest.raises(DataError) as error:
        curated(content, top, monkeypatch)
    return str(error.value)


COMMON = {**ABOUT, "intensity": {"percentiles": [0, 100]}, "split": {"val": 0.2, "test": 0.2}}


def plain(folder: Path, orientation: str = "RAS") -> dict[str, Any]:
    for name, array in zip(SUBJECTS, brains(10), strict=True):
        save_nifti(folder / "t1" / f"{name}_T1.nii.gz", array, orientation)
    save_table(folder / "people.csv", ["subject", "sex"], [(name, "F") for name in SUBJECTS])
    return {
        **COMMON, "kind": "nifti-folder", "folder": folder.name, "images": "t1/{subject}_T1.nii.gz", "table": "people.csv",
        "label_column": "sex",
    }  # fmt: skip


def bids(folder: Path, orientation: str = "RAS") -> dict[str, Any]:
    for name, array in zip(SUBJECTS, brains(10), strict=True):
        save_nifti(folder / f"sub-{name}" / "anat" / f"sub-{name}_T1w.nii.gz", array, orientation)
        save_nifti(folder / f"sub-{name}" / "anat" / f"sub-{name}_T2w.nii.gz", array[::-1], orientation)
    save_table(folder / "participants.tsv", ["participant_id", "sex"], [(f"sub-{name}", "F") for name in SUBJECTS])
    return {**COMMON, "kind": "bids", "folder": folder.name, "label_column": "sex"}


def derivative(folder: Path, orientation: str = "RAS") -> dict[str, Any]:
    row = bids(folder, orientation)
    for name, array in zip(SUBJECTS, brains(10), strict=True):
        anat = folder / "derivatives" / "prep" / f"sub-{name}" / "ses-1" / "anat"
        for space, values in (("MNI", array), ("T1w", array[::-1])):
            save_nifti(anat / f"sub-{name}_ses-1_space-{space}_desc-preproc_T1w.nii.gz", values, orientation)
    return {**row, "derivative": "prep", "entities": {"space": "MNI"}}


def clinica(folder: Path, orientation: str = "RAS", tensor: bool = False) -> dict[str, Any]:
    for name, array in zip(SUBJECTS, brains(10), strict=True):
        session = folder / "subjects" / f"sub-{name}" / "ses-M000"
        stem = f"sub-{name}_ses-M000_space-MNI152NLin2009cSym_desc-Crop_res-1x1x1_T1w"
        if tensor:
            save_tensor(session / "deeplearning_prepare_data" / "image_based" / "t1_linear" / f"{stem}.pt", array)
        else:
            save_nifti(session / "t1_linear" / f"{stem}.nii.gz", array, orientation, (1.0, 1.0, 1.0))
            save_nifti(session / "t1_linear" / f"{stem.replace('_desc-Crop', '')}.nii.gz", array[::-1])
    lines = [(f"sub-{name}", "ses-M000", "CN") for name in SUBJECTS]
    save_table(folder / "labels.tsv", ["participant_id", "session_id", "diagnosis"], lines)
    return {
        **COMMON, "kind": "caps", "folder": folder.name, "table": "labels.tsv", "label_column": "diagnosis",
        "files": "tensor" if tensor else "nifti",
    }  # fmt: skip


def scanner(folder: Path) -> dict[str, Any]:
    for name, array in zip(SUBJECTS, brains(10), strict=True):
        save_dicom(folder / "scans" / name / "T1", array)
    save_table(folder / "people.csv", ["subject", "sex"], [(name, "F") for name in SUBJECTS])
    return {
        **COMMON, "kind": "dicom", "folder": folder.name, "images": "scans/{subject}", "table": "people.csv",
        "label_column": "sex",
    }  # fmt: skip
