import gzip
import os
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import torch
import yaml
from hypothesis import given
from hypothesis import strategies as st

from atombench.errors import ConfigError, DataError, FetchError
from atombench.volumes import caps, dicom, nifti
from atombench.volumes.collection import scaled
from atombench.volumes.curate import curate
from atombench.volumes.fetch import DATA_DIRS, fetch, read_receipt, write_receipt
from atombench.volumes.patterns import key_of_name
from atombench.volumes.registry import Percentiles, SplitCounts, SplitShares, Window, find_row, read_registry
from atombench.volumes.sides import assign_sides, draw_volumes
from atombench.volumes.sources import reader_of
from atombench.volumes.volume_set import VolumeSet
from tests.conftest import ROOT, textured
from tests.volumes.on_disk import ABOUT, brains, save_dicom, save_nifti, save_sums, save_table, save_tensor

REGISTRY = ROOT / "config/datasets.yaml"
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
    return curate("mine", reader.read(row, files), 20, row.mixed_shapes)


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


@pytest.mark.parametrize("build", [plain, bids, derivative])
@pytest.mark.parametrize("orientation", ["LPS", "PSR", "IAL"])
def test_images_in_any_orientation_give_the_same_volumes(
    build: Build, orientation: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upright = curated(build(tmp_path / "a" / "mine"), tmp_path / "a", monkeypatch)
    turned = curated(build(tmp_path / "b" / "mine", orientation), tmp_path / "b", monkeypatch)
    assert turned.digest == upright.digest
    np.testing.assert_allclose(upright.spacing, np.tile([2 * 23 / 19, 3 * 21 / 19, 4 * 19 / 19], (10, 1)))


@pytest.mark.parametrize("build", [plain, bids, derivative, clinica, lambda folder: clinica(folder, tensor=True), scanner])
def test_every_kind_of_collection_gives_the_same_voxels(build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = curated(plain(tmp_path / "a" / "mine"), tmp_path / "a", monkeypatch)
    found = curated(build(tmp_path / "b" / "mine"), tmp_path / "b", monkeypatch)
    np.testing.assert_allclose(found.volumes, expected.volumes, atol=1e-6)
    assert len(set(found.labels)) == 1
    assert found.labels[0] in ("F", "CN")


def test_spacing_of_dicom_and_tensors_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scans = curated(scanner(tmp_path / "a" / "mine"), tmp_path / "a", monkeypatch)
    np.testing.assert_allclose(scans.spacing[0], [2 * 23 / 19, 3 * 21 / 19, 4.0])
    tensors = curated(clinica(tmp_path / "b" / "mine", tensor=True), tmp_path / "b", monkeypatch)
    np.testing.assert_allclose(tensors.spacing[0], [23 / 19, 21 / 19, 1.0])


@pytest.mark.parametrize(("units", "factor"), [("mm", 1.0), ("meter", 1000.0), ("micron", 0.001), ("unknown", 1.0)])
def test_spacing_comes_out_in_mm(units: str, factor: float, tmp_path: Path) -> None:
    save_nifti(tmp_path / "i.nii.gz", brains(1)[0], "SLP", units=units)
    np.testing.assert_allclose(nifti.read_image(tmp_path / "i.nii.gz")[1], factor * np.array([2.0, 3.0, 4.0]))


def test_older_names_of_clinica_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = clinica(tmp_path / "mine")
    for path in (tmp_path / "mine").rglob("*.nii.gz"):
        path.rename(path.with_name(path.name.replace("_space", "_T1w_space")))
    assert len(curated(row, tmp_path, monkeypatch).ids) == 10


def test_all_problems_of_a_collection_are_listed_in_one_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = plain(tmp_path / "mine")
    images, array = tmp_path / "mine" / "t1", brains(1)[0]
    cut = images / "s00_T1.nii.gz"
    cut.write_bytes(cut.read_bytes()[:2000])
    (images / "s01_T1.nii.gz").write_bytes(gzip.compress(b"no header at all"))
    save_nifti(images / "s02_T1.nii.gz", array[:, :, :15])
    save_nifti(images / "s03_T1.nii.gz", array, spacing=(2.0, 3.0, 4000.0))
    save_nifti(images / "s04_T1.nii.gz", np.stack([array] * 3, axis=-1))
    save_nifti(images / "s05_T1.nii.gz", 0 * array)
    (images / "s06_T1.nii.gz").rename(images / "s99_T1.nii.gz")
    lines = [(name, "F") for name in [*SUBJECTS, "s07"]]
    save_table(tmp_path / "mine" / "people.csv", ["subject", "sex"], lines)
    found = problems(row, tmp_path, monkeypatch)
    assert found.startswith("mine: 9 problems\n")
    for words in (
        "people.csv names s07 twice (again in line 12)",
        "s06 is in people.csv, but there is no image of it",
        "s99 has an image, but no line in people.csv",
        "s00_T1.nii.gz cannot be read as NIfTI",
        "s01_T1.nii.gz cannot be read as NIfTI",
        "t1/s02_T1.nii.gz has shape (24, 22, 15), most have (24, 22, 20)",
        "t1/s03_T1.nii.gz has voxels of 2 x 3 x 4000 mm, expected 0.0001 to 100 mm",
        "s04_T1.nii.gz has 4 dimensions (24, 22, 20, 3), expected 3",
        "t1/s05_T1.nii.gz is constant",
    ):
        assert words in found


def test_mixed_shapes_may_be_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = plain(tmp_path / "mine")
    save_nifti(tmp_path / "mine" / "t1" / "s02_T1.nii.gz", brains(1)[0][:, :, :15])
    assert "most have (24, 22, 20)" in problems(row, tmp_path, monkeypatch)
    assert len(curated({**row, "mixed_shapes": True}, tmp_path, monkeypatch).ids) == 10


def test_images_without_line_and_lines_without_image_may_be_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = plain(tmp_path / "mine")
    save_table(tmp_path / "mine" / "people.csv", ["subject", "sex"], [(name, "F") for name in [*SUBJECTS[:9], "s77"]])
    found = problems(row, tmp_path, monkeypatch)
    assert "s09 has an image" in found
    assert "s77 is in people.csv" in found
    kept = curated({**row, "unlisted_images": "skip", "missing_images": "skip"}, tmp_path, monkeypatch)
    assert kept.ids == tuple(SUBJECTS[:9])


def test_a_label_subset_keeps_its_lines_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = clinica(tmp_path / "mine")
    lines = [(f"sub-{name}", "ses-M000", "AD" if number % 2 else "CN") for number, name in enumerate(SUBJECTS)]
    save_table(tmp_path / "mine" / "labels.tsv", ["participant_id", "session_id", "diagnosis"], lines)
    chosen = {**row, "labels": ["AD"], "unlisted_images": "skip"}
    assert set(curated(chosen, tmp_path, monkeypatch).labels) == {"AD"}
    assert len(curated(row, tmp_path, monkeypatch).ids) == 10
    short = {**chosen, "split": {"train": 800, "val": 100, "test": 100, "seed": 1}}
    assert "5 volumes of 5 subjects leave" in problems(short, tmp_path, monkeypatch)


def test_sessions_of_one_subject_are_one_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = bids(tmp_path / "mine")
    for number, name in enumerate(SUBJECTS):
        anat = tmp_path / "mine" / f"sub-{name}" / "anat"
        for session in ("ses-1", "ses-2"):
            path = anat.parent / session / "anat" / f"sub-{name}_{session}_T1w.nii.gz"
            save_nifti(path, brains(10)[number] if session == "ses-1" else brains(10)[number][::-1])
    volumes = curated(row, tmp_path, monkeypatch)
    assert len(volumes.ids) == 20
    assert volumes.ids[:2] == ("sub-s00_ses-1", "sub-s00_ses-2")
    assert volumes.groups[:2] == ("sub-s00", "sub-s00")
    for first in range(0, 20, 2):
        assert volumes.splits[first] == volumes.splits[first + 1]


def test_two_images_of_one_session_are_refused_until_one_is_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = derivative(tmp_path / "mine")
    found = problems({**row, "entities": {"desc": "preproc"}}, tmp_path, monkeypatch)
    assert found.count("are images of the same sub-s") == 10


def test_one_person_never_lies_on_two_sides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = {**plain(tmp_path / "mine"), "same_subject": {"s09": "s00"}}
    volumes = curated(row, tmp_path, monkeypatch)
    assert volumes.splits[0] == volumes.splits[9]
    assert volumes.groups[0] == volumes.groups[9] == "s00"


@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 5))
def test_drawn_volumes_are_exactly_as_many_and_keep_subjects_together(seed: int, wanted: int, sessions: int) -> None:
    rng = np.random.default_rng(seed)
    groups = {f"v{number}": f"g{rng.integers(0, 300)}" for number in range(wanted * 8 * sessions + 100)}
    counts = SplitCounts(train=8 * wanted, val=wanted, test=wanted, seed=seed)
    sides = draw_volumes(groups, counts, "toy")
    assert {side: list(sides.values()).count(side) for side in ("train", "val", "test")} == counts.model_dump(exclude={"seed"})
    by_group: dict[str, set[str]] = {}
    for volume, side in sides.items():
        by_group.setdefault(groups[volume], set()).add(side)
    assert all(len(found) == 1 for found in by_group.values())
    backwards = dict(reversed(groups.items()))
    assert draw_volumes(backwards, counts, "toy") == sides


def test_another_seed_draws_other_volumes() -> None:
    groups = {f"v{number}": f"v{number}" for number in range(200)}
    one, other = (assign_sides(groups, SplitCounts(train=80, val=10, test=10, seed=seed), "toy") for seed in (1, 2))
    assert set(one) != set(other)
    assert len(set(one) & set(other)) > 20
    assert assign_sides(groups, SplitShares(val=0.1, test=0.2), "toy") != one


def test_too_few_volumes_for_the_numbers_asked_for_are_refused() -> None:
    groups = {f"v{number}": "one subject" for number in range(50)}
    with pytest.raises(DataError, match=r"50 volumes of 1 subjects leave .* missing"):
        draw_volumes(groups, SplitCounts(train=8, val=1, test=1, seed=0), "toy")


def test_checksums_are_checked_where_the_folder_lists_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = plain(tmp_path / "mine")
    row |= {"checksums": "SUMS", "checksums_sha256": save_sums(tmp_path / "mine")}
    assert len(curated(row, tmp_path, monkeypatch).ids) == 10
    for name in ("s03", "s04"):
        path = tmp_path / "mine" / "t1" / f"{name}_T1.nii.gz"
        path.write_bytes(path.read_bytes() + b"\0")
    (tmp_path / "mine" / "t1" / "s05_T1.nii.gz").unlink()
    with pytest.raises(FetchError, match=r"(?s)s03_T1.*s04_T1.*s05_T1"):
        curated(row, tmp_path, monkeypatch)
    with pytest.raises(FetchError, match="expected 00"):
        curated({**row, "checksums_sha256": "00"}, tmp_path, monkeypatch)


def test_checksum_lists_of_either_style_and_nested_folders_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = plain(tmp_path / "sub" / "brains")
    save_sums(tmp_path / "sub" / "brains")
    listing = tmp_path / "sub" / "brains" / "SUMS"
    listing.write_text(listing.read_text().replace("  t1/", " *./t1/"))
    import hashlib

    sums = hashlib.sha256(listing.read_bytes()).hexdigest()
    row |= {"folder": "sub/brains", "checksums": "SUMS", "checksums_sha256": sums}
    assert len(curated(row, tmp_path, monkeypatch).ids) == 10


def test_files_without_published_sums_are_pinned_when_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DATA_DIRS, str(tmp_path))
    row = row_of(plain(tmp_path / "mine"), tmp_path)
    sources = reader_of(row.kind).sources(row)
    assert {file.checksum for file in sources} == {None}
    write_receipt(tmp_path / "source.json", "mine", sources, fetch(sources, tmp_path / "cache"))
    assert len(read_receipt(tmp_path / "source.json", "mine")) == 11
    path = tmp_path / "mine" / "t1" / "s03_T1.nii.gz"
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(DataError, match=r"s03_T1\.nii\.gz has sha256 .*, expected"):
        read_receipt(tmp_path / "source.json", "mine")


@pytest.mark.parametrize("build", [plain, bids, clinica, scanner])
def test_a_folder_without_images_is_refused(build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = build(tmp_path / "mine")
    for path in (tmp_path / "mine").rglob("*.*"):
        if path.is_file() and path.suffix not in (".csv", ".tsv"):
            path.unlink()
    with pytest.raises(DataError, match=f"holds no image of the kind '{row['kind']}'"):
        curated(row, tmp_path, monkeypatch)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("subject,sex\ns00,F,x\n", "line 2 has another number of fields than the header"),
        ("", "has no column 'subject' \\(it has none\\)"),
        ("subject,age\n", "has no column 'sex' \\(it has subject, age\\)"),
        ('subject,sex\n"s00,F\n', "cannot be read as a table"),
    ],
)
def test_a_table_that_misleads_is_refused(table: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = plain(tmp_path / "mine")
    (tmp_path / "mine" / "people.csv").write_text(table)
    with pytest.raises(DataError, match=message):
        curated(row, tmp_path, monkeypatch)


@pytest.mark.parametrize("kind", ["complex", "rgb", "header", "stream", "singular", "missing"])
def test_an_image_that_cannot_be_used_is_refused_in_one_line(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "i.nii.gz"
    volume = textured(1, 12)[0]
    if kind == "rgb":
        volume = np.zeros((12, 12, 12), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    nibabel.save(nibabel.Nifti1Image(volume.astype(np.complex64) if kind == "complex" else volume, np.eye(4)), path)
    content = bytearray(gzip.decompress(path.read_bytes()))
    if kind in ("header", "singular"):  # an unknown type of voxel; a second axis of length zero
        where, what = (slice(70, 72), (845).to_bytes(2, "little")) if kind == "header" else (slice(296, 312), bytes(16))
        content[where] = what
        path.write_bytes(gzip.compress(bytes(content)))
    if kind == "stream":
        packed = bytearray(path.read_bytes())
        packed[100:160] = b"\xff" * 60
        path.write_bytes(bytes(packed))
    if kind == "missing":
        path.unlink()
    with pytest.raises(DataError, match=re.escape(str(path))) as error:
        nifti.read_image(path)
    assert "\n" not in str(error.value)


def test_a_fourth_dimension_of_length_one_is_let_pass(tmp_path: Path) -> None:
    save_nifti(tmp_path / "i.nii.gz", brains(1)[0])
    nibabel.save(nibabel.Nifti1Image(brains(1)[0][..., None], np.eye(4)), tmp_path / "j.nii.gz")
    np.testing.assert_array_equal(nifti.read_image(tmp_path / "j.nii.gz")[0], nifti.read_image(tmp_path / "i.nii.gz")[0])


class Payload:
    """Unpickled, it would make a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize("kind", ["pickle", "module", "list", "complex", "flat", "cut", "text"])
def test_a_tensor_file_runs_nothing_and_holds_one_tensor(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "sub-1_ses-1_res-1x1x1_T1w.pt"
    harm = Payload(tmp_path / "harm")
    save_tensor(path, brains(1)[0])
    if kind == "pickle":
        path.write_bytes(pickle.dumps(harm))
    elif kind == "cut":
        path.write_bytes(path.read_bytes()[:-500])
    elif kind == "text":
        path.write_text("not a tensor")
    else:
        contents = {
            "module": harm,
            "list": [torch.zeros(2, 2, 2)],
            "complex": torch.zeros(2, 2, 2, dtype=torch.complex64),
            "flat": torch.zeros(2, 2),
        }
        torch.save(contents[kind], path)
    with pytest.raises(DataError, match=re.escape(str(path))) as error:
        caps.read_tensor(path)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "harm").exists()


def test_a_series_with_a_missing_slice_or_two_series_is_refused(tmp_path: Path) -> None:
    array = brains(1)[0]
    save_dicom(tmp_path / "gap", array, skip=(7,))
    with pytest.raises(DataError, match="gap has slices 4 to 8 mm apart"):
        dicom.read_series(sorted((tmp_path / "gap").iterdir()))
    save_dicom(tmp_path / "two" / "a", array)
    save_dicom(tmp_path / "two" / "b", array, series="1.2.4")
    with pytest.raises(DataError, match="two holds 2 DICOM series"):
        dicom.read_series(sorted((tmp_path / "two").rglob("*.dcm")))
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "notes.dcm").write_text("no image")
    with pytest.raises(DataError, match="text holds 0 DICOM series in 1 files"):
        dicom.read_series([tmp_path / "text" / "notes.dcm"])


@pytest.mark.parametrize(
    ("pattern", "name", "key"),
    [
        ("{subject}.nii.gz", "a.nii.gz", ("a", "")),
        ("t1/{subject}_T1.nii.gz", "t1/a_b_T1.nii.gz", ("a_b", "")),
        ("t1/{subject}_T1.nii.gz", "t1/deep/a_T1.nii.gz", None),
        ("{subject}/{session}/{subject}_{session}_*.nii", "a/1/a_1_x.nii", ("a", "1")),
        ("{subject}/{session}/{subject}_{session}_*.nii", "a/1/b_1_x.nii", None),
        ("{subject}(1)+.nii", "a(1)+.nii", ("a", "")),
    ],
)
def test_names_are_taken_apart_by_their_pattern(pattern: str, name: str, key: tuple[str, str] | None) -> None:
    assert key_of_name(pattern, name) == key


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"split": {"val": 0.7, "test": 0.7}}, "must leave something to train on"),
        ({"split": {"train": 8, "val": 1, "test": 1}}, "split"),
        ({"images": "t1/all.nii.gz"}, "images: String should match pattern"),
        ({"intensity": {"percentiles": [60, 50]}}, "percentiles must rise"),
        ({"intensity": {"percentiles": [-1, 50]}}, "greater than or equal to 0"),
        ({"intensity": {"window": [300, -1000]}}, "window must rise"),
        ({"intensity": None}, "intensity"),
        ({"table": None}, "label_column needs table"),
        ({"labels": ["F"], "label_column": None}, "labels needs label_column"),
        ({"checksums": None}, "checksums and checksums_sha256 go together"),
    ],
)
def test_a_row_that_cannot_work_is_refused(change: dict[str, object], message: str, tmp_path: Path) -> None:
    row = {**find_row("ixi-t1", REGISTRY).model_dump(mode="json"), **change}
    (tmp_path / "d.yaml").write_text(yaml.safe_dump({"mine": row}))
    with pytest.raises(ConfigError, match=message):
        read_registry(tmp_path / "d.yaml")


def test_intensities_between_percentiles_or_in_a_window_come_to_zero_and_one() -> None:
    ramp = np.linspace(5, 105, 1000).reshape(10, 10, 10)
    found = scaled(ramp, Percentiles(percentiles=(10.0, 90.0)))
    assert (found.min(), found.max()) == (0, 1)
    assert 0.09 < (found == 0).mean() < 0.11
    flat = scaled(np.where(ramp > 104, ramp, 0.0), Percentiles(percentiles=(0.0, 50.0)))
    assert flat.max() == 0  # no spread: curation calls it constant
    np.testing.assert_allclose(
        scaled(np.array([[[-2000.0, -1000, 0, 1000]]]), Window(window=(-1000, 1000))), [[[0, 0, 0.5, 1]]]
    )
