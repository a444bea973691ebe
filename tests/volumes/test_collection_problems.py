import gzip
import os
import pickle
import re
import tempfile
import warnings
from contextlib import suppress
from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch
import yaml
from hypothesis import given
from hypothesis import strategies as st

from atombench.errors import ConfigError, DataError, FetchError
from atombench.volumes import caps, dicom, nifti
from atombench.volumes.fetch import DATA_DIRS, fetch, read_receipt, write_receipt
from atombench.volumes.registry import find_row, read_registry
from atombench.volumes.sources import reader_of
from tests.conftest import ROOT, textured
from tests.volumes.building import SUBJECTS, Build, bids, clinica, curated, derivative, plain, problems, row_of, scanner
from tests.volumes.on_disk import brains, save_dicom, save_nifti, save_sums, save_table, save_tensor

REGISTRY = ROOT / "config/datasets.yaml"


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


def test_mixed_shapes_are_accepted_if_the_row_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = plain(tmp_path / "mine")
    save_nifti(tmp_path / "mine" / "t1" / "s02_T1.nii.gz", brains(1)[0][:, :, :15])
    assert "most have (24, 22, 20)" in problems(row, tmp_path, monkeypatch)
    assert len(curated({**row, "mixed_shapes": True}, tmp_path, monkeypatch).ids) == 10


def test_images_without_line_and_lines_without_image_may_be_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = plain(tmp_path / "mine")
    save_table(tmp_path / "mine" / "people.csv", ["subject", "sex"], [(name, "F") for name in [*SUBJECTS[:9], "s77"]])
    found = problems(row, tmp_path, monkeypatch)
    assert "s09 has an image" in found
    assert "s77 is in people.csv" in found
    kept = curated({**row, "unlisted_images": "skip", "missing_images": "skip"}, tmp_path, monkeypatch)
    assert kept.ids == tuple(SUBJECTS[:9])


def test_two_images_of_one_session_are_refused_until_one_is_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = derivative(tmp_path / "mine")
    found = problems({**row, "entities": {"desc": "preproc"}}, tmp_path, monkeypatch)
    assert found.count("are images of the same sub-s") == 10


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


class Payload:
    """Unpickled, it would make a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize("kind", ["pickle", "module", "list", "complex", "flat", "cut", "text"])
def test_a_tensor_file_executes_nothing_and_holds_one_tensor(kind: str, tmp_path: Path) -> None:
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
    ("change", "message"),
    [
        ({"split": {"val": 0.7, "test": 0.7}}, "must leave subjects for training"),
        ({"split": {"train": 8, "val": 1, "test": 1}}, "split"),
        ({"images": "t1/all.nii.gz"}, "expected a path with {subject}, perhaps {session}, got 't1/all"),
        ({"images": "/t1/{subject}.nii"}, "expected a path inside the folder"),
        ({"images": "t1/../{subject}.nii"}, "expected a path inside the folder"),
        ({"images": "t1/{subject}*.nii"}, "expected some text between the placeholders"),
        ({"images": "t1/{subject}{session}.nii"}, "expected some text between the placeholders"),
        ({"images": "t1/{subject}_{run}.nii"}, "perhaps {session}"),
        ({"same_subject": {"a": "b", "b": "c", "c": "a"}}, "goes round in a circle"),
        ({"labels": []}, "labels"),
        ({"facts": {"depth": {"column": "age_years"}}}, "facts may not be called depth"),
        ({"facts": {"age": {"column": "age_years", "bands": [60, 30]}}}, "bands must rise"),
        ({"intensity": {"window": [0, float("inf")]}}, "window"),
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


@pytest.mark.parametrize("name", ["my study", "a/b", "../x", "a|b", "-x", "", "Big"])
def test_a_name_that_is_no_file_name_is_refused(name: str, tmp_path: Path) -> None:
    row = find_row("ixi-t1", REGISTRY).model_dump(mode="json")
    (tmp_path / "d.yaml").write_text(yaml.safe_dump({name: row}))
    with pytest.raises(ConfigError, match="should match pattern"):
        read_registry(tmp_path / "d.yaml")


def test_names_of_subjects_that_are_nobody_are_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = {**plain(tmp_path / "mine"), "same_subject": {"s9": "s00", "s08": "S00", "s03": "both", "s04": "both"}}
    found = problems(row, tmp_path, monkeypatch)
    assert "same_subject names 's9', which is no subject here" in found
    assert "same_subject names 'S00', which is no subject here" in found
    assert "both" not in found


def test_all_is_listed_even_if_no_split_can_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = plain(tmp_path / "mine")
    (tmp_path / "mine/t1/s03_T1.nii.gz").write_bytes(b"short")
    (tmp_path / "mine/t1/s04_T1.nii.gz").unlink()
    found = problems({**row, "split": {"train": 80, "val": 10, "test": 10, "seed": 1}}, tmp_path, monkeypatch)
    assert found.startswith("mine: 3 problems")
    for words in (
        "s04 is in people.csv, but",
        "80, 'val': 10, 'test': 10} volumes are requested",
        "s03_T1.nii.gz cannot be read",
    ):
        assert words in found


def test_cells_lose_their_blanks_and_empty_ones_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = plain(tmp_path / "mine")
    lines = [f" {name} ,F \r\n" for name in SUBJECTS]
    (tmp_path / "mine/people.csv").write_text("subject,sex\r\n" + "".join(lines))
    assert set(curated(row, tmp_path, monkeypatch).labels) == {"F"}
    (tmp_path / "mine/people.csv").write_text("subject,sex\n\n" + "".join(lines) + " ,F\n" + lines[0])
    found = problems(row, tmp_path, monkeypatch)
    assert "line 13 of people.csv names no subject" in found
    assert "people.csv names s00 twice (again in line 14)" in found


def test_a_label_that_nobody_has_is_answered_with_those_there_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = {**plain(tmp_path / "mine"), "labels": ["female"], "unlisted_images": "skip"}
    assert "no line of people.csv has a label of ['female']; there are F" in problems(row, tmp_path, monkeypatch)


def test_too_few_subjects_to_split_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = {**plain(tmp_path / "mine"), "same_subject": dict.fromkeys(SUBJECTS[1:9], "s00")}
    assert "2 subjects cannot be split into training, validation and test" in problems(row, tmp_path, monkeypatch)


def test_two_images_that_would_have_one_name_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = plain(tmp_path / "mine")
    array = brains(1)[0]
    for subject, session in (("a_b", "c"), ("a", "b_c"), ("d", "e"), ("f", "g"), ("h", "i")):
        save_nifti(tmp_path / "mine" / subject / f"{session}.nii", array)
    found = problems({**row, "images": "{subject}/{session}.nii", "table": None, "label_column": None}, tmp_path, monkeypatch)
    assert "a_b/c.nii has the same name a_b_c as another image" in found


def test_slices_without_a_position_are_refused(tmp_path: Path) -> None:
    save_dicom(tmp_path / "lost", brains(1)[0], positions=False)
    with pytest.raises(DataError, match=r"slices have no position|slices 0 to 0 mm apart"):
        dicom.read_series(sorted((tmp_path / "lost").iterdir()))


def test_a_slice_added_after_fetching_is_refused(tmp_path: Path) -> None:
    save_dicom(tmp_path / "grown", brains(1)[0])
    paths = sorted((tmp_path / "grown").iterdir())
    with pytest.raises(DataError, match=r"IM0019\.dcm was added to the series after it was fetched"):
        dicom.read_series(paths[:-1])


@given(st.integers(0, 2**32 - 1))
def test_damaged_headers_and_tensors_raise_only_data_errors(seed: int) -> None:
    """Bytes are overwritten at random: the image may still be readable, but only DataError may be raised."""
    rng = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as folder:
        for name, read in (("i.nii", nifti.read_image), ("s_res-1x1x1_T1w.pt", caps.read_tensor)):
            path = Path(folder) / name
            array = np.arange(120, dtype=np.int16).reshape(4, 5, 6)
            save_nifti(path, array) if name == "i.nii" else save_tensor(path, array)
            content = bytearray(path.read_bytes())
            for place in rng.integers(0, min(len(content), 900), 12):
                content[place] = rng.integers(0, 256)
            path.write_bytes(bytes(content))
            with suppress(DataError), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                read(path)
