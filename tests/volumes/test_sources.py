import gzip
import hashlib
import re
from pathlib import Path

import nibabel
import numpy as np
import pytest
import yaml

from atombench.errors import ConfigError, DataError
from atombench.volumes import medmnist, mni_subjects, nifti
from atombench.volumes.curate import curate
from atombench.volumes.fetch import DATA_DIRS, fetch
from atombench.volumes.registry import MedMnistRow, NiftiFolderRow, SplitShares, find_row, read_registry
from atombench.volumes.volume_set import VolumeSet
from tests.conftest import ROOT, textured

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


def nifti_collection(folder: Path, orientation: str = "RAS", subjects: int = 10) -> NiftiFolderRow:
    """Write a folder of NIfTI files in the given orientation, with table and checksums."""
    (folder / "t1").mkdir(parents=True)
    turn = nibabel.orientations.ornt_transform(
        nibabel.orientations.axcodes2ornt("RAS"), nibabel.orientations.axcodes2ornt(orientation)
    )
    for number, volume in enumerate(textured(subjects, 24)):
        image = nibabel.Nifti1Image(volume[:, :22, :20], np.diag([2.0, 3.0, 4.0, 1.0])).as_reoriented(turn)
        nibabel.save(image, folder / "t1" / f"s{number:02d}_T1.nii.gz")
    lines = ["subject,sex", *(f"s{number:02d},F" for number in range(subjects))]
    (folder / "people.csv").write_text("\n".join(lines) + "\n")
    return with_checksums(folder)


def with_checksums(folder: Path) -> NiftiFolderRow:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != "SUMS"]
    sums = [f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.relative_to(folder)}" for p in files]
    (folder / "SUMS").write_text("\n".join(sums) + "\n")
    return NiftiFolderRow(
        kind="nifti-folder", folder=folder.name, images="t1/{subject}_T1.nii.gz", table="people.csv", checksums="SUMS",
        checksums_sha256=hashlib.sha256((folder / "SUMS").read_bytes()).hexdigest(), label_column="sex",
        same_subject={"s09": "s00"}, shares=SplitShares(val=0.2, test=0.2), title="", modality="", licence="", cite="",
    )  # fmt: skip


def _curated(row: NiftiFolderRow, top: Path, monkeypatch: pytest.MonkeyPatch) -> VolumeSet:
    monkeypatch.setenv(DATA_DIRS, str(top))
    return curate("toy", nifti.read(row, fetch(nifti.sources(row), top / "cache")), 20)


@pytest.mark.parametrize("orientation", ["LPS", "PSR", "IAL"])
def test_a_folder_in_any_orientation_gives_the_same_volumes(
    orientation: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = _curated(nifti_collection(tmp_path / "a" / "brains"), tmp_path / "a", monkeypatch)
    turned = _curated(nifti_collection(tmp_path / "b" / "brains", orientation), tmp_path / "b", monkeypatch)
    assert turned.digest == plain.digest
    assert plain.labels == ("F",) * 10
    np.testing.assert_allclose(plain.spacing[0], [2 * 23 / 19, 3 * 21 / 19, 4 * 19 / 19])


def test_one_person_never_lies_on_two_sides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    volumes = _curated(nifti_collection(tmp_path / "brains"), tmp_path, monkeypatch)
    assert [volumes.splits.count(split) for split in ("train", "val", "test")] in ([6, 2, 2], [5, 3, 2], [5, 2, 3])
    assert volumes.splits[0] == volumes.splits[9]
    assert volumes.groups[0] == volumes.groups[9] == "s00"


def test_table_and_folder_must_name_the_same_subjects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nifti_collection(tmp_path / "brains")
    (tmp_path / "brains" / "t1" / "s01_T1.nii.gz").unlink()
    (tmp_path / "brains" / "people.csv").write_text("subject,sex\n" + "".join(f"s{n:02d},F\n" for n in range(9)))
    with pytest.raises(DataError) as error:
        _curated(with_checksums(tmp_path / "brains"), tmp_path, monkeypatch)
    assert "t1/s01_T1.nii.gz is in the table but not in the folder" in str(error.value)
    assert "t1/s09_T1.nii.gz is in the folder but not in the table" in str(error.value)


def test_an_empty_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nifti_collection(tmp_path / "brains")
    for path in (tmp_path / "brains" / "t1").iterdir():
        path.unlink()
    with pytest.raises(DataError, match=r"must list people\.csv and images"):
        _curated(with_checksums(tmp_path / "brains"), tmp_path, monkeypatch)


def test_an_image_cut_short_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nifti_collection(tmp_path / "brains")
    path = tmp_path / "brains" / "t1" / "s03_T1.nii.gz"
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(DataError, match=r"s03_T1\.nii\.gz cannot be read as NIfTI"):
        _curated(with_checksums(tmp_path / "brains"), tmp_path, monkeypatch)


def test_the_embedded_subjects_differ_and_keep_their_stream(mni: VolumeSet) -> None:
    assert [mni.splits.count(split) for split in ("train", "val", "test")] == [120, 16, 24]
    flat = mni.volumes.reshape(160, -1)
    alike = np.corrcoef(flat) - np.eye(160)
    assert 0.3 < alike.max() < 0.99
    assert mni_subjects.draw("subject-007").gamma == mni_subjects.draw("subject-007").gamma
    assert mni_subjects.draw("subject-007").gamma != mni_subjects.draw("subject-008").gamma
    np.testing.assert_allclose(mni.spacing, 3.0 * 63 / 19)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shares": {"val": 0.7, "test": 0.7}}, "must leave something to train on"),
        ({"images": "t1/all.nii.gz"}, "images: String should match pattern"),
        ({"percentiles": [60, 50]}, "percentiles must rise"),
        ({"percentiles": [-1, 50]}, "percentiles.0: Input should be greater than or equal to 0"),
    ],
)
def test_a_row_that_cannot_work_is_refused(change: dict[str, object], message: str, tmp_path: Path) -> None:
    row = {**find_row("ixi-t1", REGISTRY).model_dump(mode="json"), **change}
    (tmp_path / "d.yaml").write_text(yaml.safe_dump({"mine": row}))
    with pytest.raises(ConfigError, match=message):
        read_registry(tmp_path / "d.yaml")


def test_intensities_between_percentiles_come_to_zero_and_one() -> None:
    ramp = np.linspace(5, 105, 1000).reshape(10, 10, 10)
    found = nifti.scaled(ramp, (10.0, 90.0))
    assert (found.min(), found.max()) == (0, 1)
    assert 0.09 < (found == 0).mean() < 0.11
    assert nifti.scaled(np.where(ramp > 104, ramp, 0.0), (0.0, 50.0)).max() == 0  # no spread: curation calls it constant


def test_a_label_column_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = nifti_collection(tmp_path / "brains").model_copy(update={"label_column": "diagnosis"})
    with pytest.raises(DataError, match=r"people\.csv has no column 'diagnosis' \(it has subject, sex\)"):
        _curated(row, tmp_path, monkeypatch)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("subject,sex\ns00,F,x\n", "line 2 has another number of fields than the header"),
        ("subject,sex\ns00,F\ns00,M\n", "names subjects twice: s00"),
        ("", "has no column 'subject' \\(it has none\\)"),
    ],
)
def test_a_table_that_misleads_is_refused(table: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nifti_collection(tmp_path / "brains")
    (tmp_path / "brains" / "people.csv").write_text(table)
    with pytest.raises(DataError, match=message):
        _curated(with_checksums(tmp_path / "brains"), tmp_path, monkeypatch)


@pytest.mark.parametrize("kind", ["complex", "rgb", "header", "stream"])
def test_an_image_that_is_not_one_of_real_numbers_is_refused_in_one_line(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "i.nii.gz"
    volume = textured(1, 12)[0]
    if kind == "rgb":
        volume = np.zeros((12, 12, 12), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    nibabel.save(nibabel.Nifti1Image(volume.astype(np.complex64) if kind == "complex" else volume, np.eye(4)), path)
    content = bytearray(gzip.decompress(path.read_bytes()))
    if kind == "header":
        content[70:72] = (845).to_bytes(2, "little")
        path.write_bytes(gzip.compress(bytes(content)))
    if kind == "stream":
        packed = bytearray(path.read_bytes())
        packed[100:160] = b"\xff" * 60
        path.write_bytes(bytes(packed))
    with pytest.raises(DataError, match=re.escape(str(path))) as error:
        nifti.read_image(path)
    assert "\n" not in str(error.value)


def test_checksum_lists_of_either_style_and_nested_folders_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = nifti_collection(tmp_path / "sub" / "brains")
    listing = tmp_path / "sub" / "brains" / "SUMS"
    listing.write_text(listing.read_text().replace("  t1/", " *./t1/"))
    sums = hashlib.sha256(listing.read_bytes()).hexdigest()
    row = row.model_copy(update={"folder": "sub/brains", "checksums_sha256": sums})
    assert len(_curated(row, tmp_path, monkeypatch).ids) == 10
