from itertools import product
from pathlib import Path

import numpy as np
import pytest

from atombench.errors import DataError
from atombench.tasks.atom.board import INDEPENDENT, AtomBoard
from atombench.tasks.atom.manifest import Manifest, make_manifest
from atombench.tasks.atom.queries import make_queries, query_order
from atombench.tasks.atom.training import make_training
from atombench.volumes.curated import Curated
from atombench.volumes.volume_set import SPLITS, VolumeSet
from tests.conftest import volume_set


def test_a_manifest_is_restored_from_its_file_and_written_reproducibly(toy_manifest: Manifest, tmp_path: Path) -> None:
    toy_manifest.save(tmp_path / "a.parquet")
    toy_manifest.save(tmp_path / "b.parquet")
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    found = Manifest.load(tmp_path / "a.parquet")
    assert found.digest == toy_manifest.digest
    for split in SPLITS:
        np.testing.assert_array_equal(found.parts[split].normals, toy_manifest.parts[split].normals)


def test_a_truncated_manifest_is_rejected(toy_manifest: Manifest, tmp_path: Path) -> None:
    path = tmp_path / "m.parquet"
    toy_manifest.save(path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match="not valid Parquet"):
        Manifest.load(path)


def test_volumes_of_another_size_are_rejected(toy_data: Curated) -> None:
    with pytest.raises(DataError, match=r"toy: expected volumes of edge 40 at scale 2, got shape \(20, 20, 20\)"):
        make_manifest(toy_data, AtomBoard("hard", "none", 2))


def test_a_dataset_without_validation_volumes_is_rejected() -> None:
    with pytest.raises(DataError, match="3 volumes but none for val and test"):
        make_manifest(Curated.of(volume_set((3, 0, 0))), AtomBoard("hard", "none", 1))


def test_permuting_the_volumes_only_permutes_the_manifest() -> None:
    first = volume_set((3, 1, 1))
    order = [2, 0, 1, 3, 4]
    second = VolumeSet(
        "toy",
        first.volumes[order],
        tuple(first.ids[row] for row in order),
        first.groups,
        first.labels,
        first.splits,
        first.spacing,
    )
    board = AtomBoard("hard", "none", 1)
    one, other = (make_manifest(Curated.of(volumes), board).parts["train"] for volumes in (first, second))
    for row, name in enumerate(second.ids[:3]):
        mine = other.normals[other.volume == row]
        np.testing.assert_array_equal(mine, one.normals[one.volume == first.ids.index(name)])


def test_queries_show_the_sections_in_an_uninformative_order(toy: VolumeSet, toy_data: Curated, toy_manifest: Manifest) -> None:
    queries, order = make_queries(toy_data, toy_manifest), query_order(toy_manifest)
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


def test_queries_contain_no_pose_and_no_label(toy_data: Curated, toy_manifest: Manifest) -> None:
    assert set(vars(make_queries(toy_data, toy_manifest))) == {"grid", "gathering", "volumes", "volume_index", "pixels"}


def test_a_manifest_of_other_volumes_is_rejected(toy_manifest: Manifest) -> None:
    other = volume_set((6, 3, 4), np.random.default_rng(9).random((13, 20, 20, 20)).astype(np.float32))
    with pytest.raises(DataError, match="drawn for volumes"):
        make_queries(Curated.of(other), toy_manifest)


@pytest.mark.parametrize("split", ["none", "pos", "vol"])
def test_training_data_and_queries_contain_only_the_volumes_of_their_parts(split: str) -> None:
    volumes = volume_set((5, 2, 3))
    data = Curated.of(volumes)
    manifest = make_manifest(data, AtomBoard("hard", split, 1))
    training, queries = make_training(data, manifest), make_queries(data, manifest)
    trained, tested = ([0, 1, 2, 3, 4], [0, 1, 2, 3, 4]) if split == "vol" else ([0, 1, 2, 3, 4, 5, 6], [7, 8, 9])
    np.testing.assert_array_equal(training.volumes, volumes.volumes[trained])
    np.testing.assert_array_equal(queries.volumes, volumes.volumes[tested])
    assert set(queries.volume_index) == set(range(len(tested)))
    sections = manifest.parts["val"]
    np.testing.assert_array_equal(training.volumes[training.val.volume[0]], volumes.volumes[sections.volume[0]])


def test_permuting_the_volumes_only_permutes_manifests_of_every_gathering_and_split() -> None:
    first = volume_set((4, 2, 2))
    order = np.random.default_rng(0).permutation(8)
    second = VolumeSet(
        "toy",
        first.volumes[order],
        tuple(first.ids[row] for row in order),
        tuple(first.groups[row] for row in order),
        first.labels,
        tuple(first.splits[row] for row in order),
        first.spacing[order],
    )
    pairs = product(("hard", "easy", "uniform", "uniform-v1", "tissue"), ("none", "pos", "vol"))
    for gathering, split in pairs:
        if gathering in INDEPENDENT and split == "pos":
            continue
        one, other = (make_manifest(Curated.of(volumes), AtomBoard(gathering, split, 1)) for volumes in (first, second))
        assert one.counts == other.counts
        for part in SPLITS:
            for row, name in enumerate(second.ids):
                mine = other.parts[part].volume == row
                theirs = one.parts[part].volume == first.ids.index(name)
                for column in ("index", "centres", "normals"):
                    np.testing.assert_array_equal(
                        getattr(other.parts[part], column)[mine], getattr(one.parts[part], column)[theirs]
                    )
