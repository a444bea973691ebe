import locale
from pathlib import Path

import nibabel
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atombench.errors import DataError
from atombench.volumes import dicom, nifti
from atombench.volumes.collection import scaled
from atombench.volumes.partition import assign_partition, draw_volumes
from atombench.volumes.patterns import key_of_name
from atombench.volumes.registry import Percentiles, SplitCounts, SplitShares, Window
from tests.volumes.building import SUBJECTS, Build, bids, clinica, curated, derivative, plain, problems, scanner
from tests.volumes.on_disk import brains, save_dicom, save_nifti, save_sums, save_table


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
    np.testing.assert_allclose(nifti.read_image(tmp_path / "i.nii.gz").spacing, factor * np.array([2.0, 3.0, 4.0]))


def test_older_names_of_clinica_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = clinica(tmp_path / "mine")
    for path in (tmp_path / "mine").rglob("*.nii.gz"):
        path.rename(path.with_name(path.name.replace("_space", "_T1w_space")))
    assert len(curated(row, tmp_path, monkeypatch).ids) == 10


def test_a_label_subset_keeps_its_lines_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = clinica(tmp_path / "mine")
    lines = [(f"sub-{name}", "ses-M000", "AD" if number % 2 else "CN") for number, name in enumerate(SUBJECTS)]
    save_table(tmp_path / "mine" / "labels.tsv", ["participant_id", "session_id", "diagnosis"], lines)
    chosen = {**row, "labels": ["AD"], "unlisted_images": "skip"}
    assert set(curated(chosen, tmp_path, monkeypatch).labels) == {"AD"}
    assert len(curated(row, tmp_path, monkeypatch).ids) == 10
    short = {**chosen, "split": {"train": 800, "val": 100, "test": 100, "seed": 1}}
    assert "there are 5 volumes of 5 subjects" in problems(short, tmp_path, monkeypatch)


def test_sessions_of_one_subject_are_one_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = bids(tmp_path / "mine")
    for number, name in enumerate(SUBJECTS):
        anat = tmp_path / "mine" / f"sub-{name}" / "anat"
        for session in ("ses-1", "ses-2"):
            path = anat.parent / session / "anat" / f"sub-{name}_{session}_T1w.nii.gz"
            save_nifti(path, brains(10)[number] if session == "ses-1" else brains(10)[number][::-1])
    volumes = curated(row, tmp_path, monkeypatch)
    assert volumes.ids[:3] == ("sub-s00", "sub-s00_ses-1", "sub-s00_ses-2")  # one image outside sessions is there too
    assert len(volumes.ids) == 30
    assert volumes.groups[:3] == ("sub-s00",) * 3
    for first in range(0, 30, 3):
        assert len(set(volumes.splits[first : first + 3])) == 1


def test_one_person_is_never_in_two_splits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = {**plain(tmp_path / "mine"), "same_subject": {"s09": "s00"}}
    volumes = curated(row, tmp_path, monkeypatch)
    assert volumes.splits[0] == volumes.splits[9]
    assert volumes.groups[0] == volumes.groups[9] == "s00"


@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 5))
def test_drawn_volumes_are_exactly_as_many_and_keep_subjects_together(seed: int, wanted: int, sessions: int) -> None:
    rng = np.random.default_rng(seed)
    groups = {f"v{number}": f"g{rng.integers(0, 300)}" for number in range(wanted * 8 * sessions + 100)}
    counts = SplitCounts(train=8 * wanted, val=wanted, test=wanted, seed=seed)
    partition = draw_volumes(groups, counts, "toy")
    drawn = list(partition.values())
    assert {split: drawn.count(split) for split in ("train", "val", "test")} == counts.model_dump(exclude={"seed"})
    by_group: dict[str, set[str]] = {}
    for volume, split in partition.items():
        by_group.setdefault(groups[volume], set()).add(split)
    assert all(len(splits) == 1 for splits in by_group.values())
    backwards = dict(reversed(groups.items()))
    assert draw_volumes(backwards, counts, "toy") == partition


def test_another_seed_draws_other_volumes() -> None:
    groups = {f"v{number}": f"v{number}" for number in range(200)}
    one, other = (assign_partition(groups, SplitCounts(train=80, val=10, test=10, seed=seed), "toy") for seed in (1, 2))
    assert set(one) != set(other)
    assert len(set(one) & set(other)) > 20
    assert assign_partition(groups, SplitShares(val=0.1, test=0.2), "toy") != one


def test_too_few_volumes_for_the_requested_numbers_are_refused() -> None:
    groups = {f"v{number}": "one subject" for number in range(50)}
    with pytest.raises(DataError, match=r"50 volumes of 1 subjects, and none of 200 draws"):
        draw_volumes(groups, SplitCounts(train=8, val=1, test=1, seed=0), "toy")


def test_checksum_lists_of_either_style_and_nested_folders_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = plain(tmp_path / "sub" / "brains")
    save_sums(tmp_path / "sub" / "brains")
    listing = tmp_path / "sub" / "brains" / "SUMS"
    listing.write_text(listing.read_text().replace("  t1/", " *./t1/"))
    import hashlib

    sums = hashlib.sha256(listing.read_bytes()).hexdigest()
    row |= {"folder": "sub/brains", "checksums": "SUMS", "checksums_sha256": sums}
    assert len(curated(row, tmp_path, monkeypatch).ids) == 10


def test_a_fourth_dimension_of_length_one_is_accepted(tmp_path: Path) -> None:
    save_nifti(tmp_path / "i.nii.gz", brains(1)[0])
    nibabel.save(nibabel.Nifti1Image(brains(1)[0][..., None], np.eye(4)), tmp_path / "j.nii.gz")
    three, four = (nifti.read_image(tmp_path / name).voxels for name in ("i.nii.gz", "j.nii.gz"))
    np.testing.assert_array_equal(four, three)


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
def test_a_pattern_gives_subject_and_session_of_a_name(pattern: str, name: str, key: tuple[str, str] | None) -> None:
    assert key_of_name(pattern, name) == key


def test_intensities_between_percentiles_or_in_a_window_are_scaled_to_zero_and_one() -> None:
    ramp = np.linspace(5, 105, 1000).reshape(10, 10, 10)
    found = scaled(ramp, Percentiles(percentiles=(10.0, 90.0)))
    assert (found.min(), found.max()) == (0, 1)
    assert 0.09 < (found == 0).mean() < 0.11
    flat = scaled(np.where(ramp > 104, ramp, 0.0), Percentiles(percentiles=(0.0, 50.0)))
    assert flat.max() == 0  # no spread: curation calls it constant
    np.testing.assert_allclose(
        scaled(np.array([[[-2000.0, -1000, 0, 1000]]]), Window(window=(-1000, 1000))), [[[0, 0, 0.5, 1]]]
    )


def test_subjects_with_and_without_sessions_are_found_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = bids(tmp_path / "mine [1]")
    for name in SUBJECTS[:4]:
        anat = tmp_path / "mine [1]" / f"sub-{name}" / "anat"
        (anat.parent / "ses-1").mkdir()
        anat.rename(anat.parent / "ses-1" / "anat")
        path = anat.parent / "ses-1" / "anat" / f"sub-{name}_T1w.nii.gz"
        path.rename(path.with_name(f"sub-{name}_ses-1_T1w.nii.gz"))
    assert len(curated(row, tmp_path, monkeypatch).ids) == 10


def test_a_caps_folder_needs_no_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = {name: value for name, value in clinica(tmp_path / "mine").items() if name not in ("table", "label_column")}
    volumes = curated(row, tmp_path, monkeypatch)
    assert volumes.ids[0] == "sub-s00_ses-M000"
    assert set(volumes.labels) == {""}


@pytest.mark.parametrize("build", [plain, lambda folder: clinica(folder, tensor=True), scanner])
def test_linked_files_are_read_by_their_own_names(build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in git-annex and datalad: every file is a link to one with a meaningless name."""
    row = build(tmp_path / "a" / "mine")
    expected = curated(row, tmp_path / "a", monkeypatch)
    (tmp_path / "store").mkdir()
    for number, path in enumerate(sorted((tmp_path / "a" / "mine").rglob("*.*"))):
        if path.is_file():
            path.rename(tmp_path / "store" / f"key{number}")
            path.symlink_to(tmp_path / "store" / f"key{number}")
    found = curated(row, tmp_path / "a", monkeypatch)
    assert found.digest == expected.digest


def test_a_chain_of_names_is_one_person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = {**plain(tmp_path / "mine"), "same_subject": {"s00": "s01", "s01": "s02"}}
    volumes = curated(row, tmp_path, monkeypatch)
    assert volumes.groups[:3] == ("s02",) * 3
    assert len(set(volumes.splits[:3])) == 1


def test_restricted_volumes_and_subjects_get_other_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = {**plain(tmp_path / "mine"), "same_subject": {"s09": "s00"}}
    plain_names, hidden = (curated({**row, "restricted": flag}, tmp_path, monkeypatch) for flag in (False, True))
    assert not {"s00", "s01"} & {*hidden.ids, *hidden.groups}
    assert hidden.groups[0] == hidden.groups[9] == hidden.ids[0] != hidden.ids[9]
    assert len(set(hidden.ids)) == 10
    assert hidden.splits == plain_names.splits
    np.testing.assert_array_equal(hidden.volumes, plain_names.volumes)


def test_reading_dicom_leaves_the_locale_as_it_was(tmp_path: Path) -> None:
    save_dicom(tmp_path / "a", brains(1)[0])
    before = locale.setlocale(locale.LC_ALL)
    dicom.read_series(sorted((tmp_path / "a").iterdir()))
    assert locale.setlocale(locale.LC_ALL) == before


def test_facts_come_from_the_table_in_bands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = plain(tmp_path / "mine")
    ages = ["20", "29.9", "30", "45", "59", "60", "n/a", "", "101", "nan"]
    lines = [(name, "F", age) for name, age in zip(SUBJECTS, ages, strict=True)]
    save_table(tmp_path / "mine/people.csv", ["subject", "sex", "age"], lines)
    row["facts"] = {"age": {"column": "age", "bands": [30, 45, 60]}, "sex": {"column": "sex"}}
    volumes = curated(row, tmp_path, monkeypatch)
    young, middle, old = "below 30", "45 to 60", "60 and above"
    assert volumes.facts["age"] == (young, young, "30 to 45", middle, middle, old, "unknown", "unknown", old, "unknown")
    assert set(volumes.facts["sex"]) == {"F"}
