from pathlib import Path

import numpy as np
import pytest

from atombench.atom.manifest import Manifest, make_manifest
from atombench.atom.queries import make_queries, query_order
from atombench.errors import DataError
from atombench.volumes.medmnist import package_info
from atombench.volumes.volume_set import SPLITS, VolumeSet
from tests.conftest import volume_set

NONE_SIZES = {
    "organmnist3d": (147592, 24472, 102480),
    "fracturemnist3d": (156104, 15656, 40320),
    "nodulemnist3d": (176016, 25080, 52080),
    "vesselmnist3d": (202920, 29032, 64176),
}


@pytest.mark.parametrize(("dataset", "sizes"), NONE_SIZES.items())
@pytest.mark.parametrize("gathering", ["hard", "easy"])
def test_split_none_has_the_papers_sizes(dataset: str, sizes: tuple[int, int, int], gathering: str) -> None:
    counts = package_info()[dataset]["n_samples"]
    empty = np.zeros((sum(counts.values()), 20, 20, 20), np.float32)
    volumes = volume_set(tuple(counts[split] for split in SPLITS), empty, dataset)
    assert tuple(make_manifest(volumes, gathering, "none", 1).counts.values()) == sizes


def test_a_manifest_survives_its_file_and_gives_the_same_bytes(toy_manifest: Manifest, tmp_path: Path) -> None:
    toy_manifest.save(tmp_path / "a.parquet")
    toy_manifest.save(tmp_path / "b.parquet")
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    found = Manifest.load(tmp_path / "a.parquet")
    assert found.digest == toy_manifest.digest
    for split in SPLITS:
        np.testing.assert_array_equal(found.parts[split].normals, toy_manifest.parts[split].normals)


def test_the_embedded_manifests_are_the_same_on_every_machine(mni: VolumeSet) -> None:
    assert mni.digest == "df988de468ee77377213bb4220b6e66cb470a34a41b154df44da70fdce76b926"
    digests = {name: make_manifest(mni, name, "none", 1).digest for name in ("hard", "easy", "uniform")}
    assert digests == {
        "hard": "e846e732d14b70dc2729eda7fd3941ba69d762532ab720f5845e7b6cc84459d5",
        "easy": "24d607741edaf34c2fe9a815b8d5df3045c6ea6ff8e20fae5ff796c45276fb66",
        "uniform": "3d6cbdab3b8b70bf71296a5c5f36f812e215f4c7a914f5fc7e4f7a874869223e",
    }


def test_a_truncated_manifest_is_refused(toy_manifest: Manifest, tmp_path: Path) -> None:
    path = tmp_path / "m.parquet"
    toy_manifest.save(path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match="not valid Parquet"):
        Manifest.load(path)


def test_volumes_of_another_size_are_refused(toy: VolumeSet) -> None:
    with pytest.raises(DataError, match="expected volumes of edge 40 at scale 2, got 20"):
        make_manifest(toy, "hard", "none", 2)


def test_a_set_without_validation_volumes_is_refused() -> None:
    with pytest.raises(DataError, match="3 volumes, but none for val and test"):
        make_manifest(volume_set((3, 0, 0)), "hard", "none", 1)


def test_permuting_the_volumes_permutes_the_content_and_nothing_else() -> None:
    first = volume_set((3, 1, 1))
    order = [2, 0, 1, 3, 4]
    second = VolumeSet(
        "toy", first.volumes[order], tuple(first.ids[row] for row in order), first.groups, first.labels, first.splits,
        first.spacing,
    )  # fmt: skip
    one, other = (make_manifest(volumes, "hard", "none", 1).parts["train"] for volumes in (first, second))
    for row, name in enumerate(second.ids[:3]):
        mine = other.normals[other.volume == row]
        np.testing.assert_array_equal(mine, one.normals[one.volume == first.ids.index(name)])


def test_queries_show_the_sections_in_an_order_that_tells_nothing(toy: VolumeSet, toy_manifest: Manifest) -> None:
    queries, order = make_queries(toy, toy_manifest), query_order(toy_manifest)
    assert sorted(order) == list(range(len(queries)))
    sections = toy_manifest.parts["test"].take(order)
    for row in (0, 100, len(queries) - 1):
        i, j, k = sections.points(toy_manifest.grid)[row][:, 5]
        inside = min(i, j, k) >= 0 and max(i, j, k) < 20
        expected = toy.volumes[sections.volume[row], i, j, k] if inside else 0
        assert queries.pixels[row].ravel()[5] == expected
    assert (np.diff(queries.volume_index) >= 0).all()
    first, second = (sections.index[queries.of_volume(volume)] for volume in (0, 1))
    assert not np.array_equal(first, np.sort(first))
    assert not np.array_equal(first, second)


def test_queries_hold_no_pose_and_no_label(toy: VolumeSet, toy_manifest: Manifest) -> None:
    assert set(vars(make_queries(toy, toy_manifest))) == {"grid", "gathering", "volumes", "volume_index", "pixels"}


def test_a_manifest_of_other_volumes_is_refused(toy_manifest: Manifest) -> None:
    other = volume_set((6, 3, 4), np.random.default_rng(9).random((13, 20, 20, 20)).astype(np.float32))
    with pytest.raises(DataError, match="made for volumes"):
        make_queries(other, toy_manifest)
