from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from atombench.engine.contract import Predictions
from atombench.tasks.atom.evaluate import details, evaluate
from atombench.tasks.atom.manifest import Manifest, make_manifest
from atombench.tasks.atom.strata import in_order, strata
from atombench.volumes.volume_set import VolumeSet
from tests.conftest import volume_set
from tests.records.made import stratum


@pytest.fixture(scope="module")
def labelled_set() -> tuple[VolumeSet, Manifest]:
    volumes = volume_set((4, 2, 6))
    labels, ages = ("AD", "CN") * 6, ("below 30",) * 6 + ("30 and above",) * 6
    volumes = replace(volumes, labels=labels, facts={"age": ages})
    return volumes, make_manifest(volumes, "hard", "none", 1)


def test_every_section_lies_in_one_stratum_of_each_kind(labelled_set: tuple[VolumeSet, Manifest]) -> None:
    volumes, manifest = labelled_set
    sections = manifest.parts["test"]
    labels = sections.labels(manifest.grid)
    found = strata(manifest, volumes, labels)
    assert set(found) == {"label", "age", "depth", "facing", "background", "block"}
    for row in range(0, len(sections), 37):
        volume, centre, normal = sections.volume[row], sections.centres[row], sections.normals[row]
        assert found["label"][row] == volumes.labels[volume]
        assert found["age"][row] == volumes.facts["age"][volume]
        low = 5 * (centre[2] // 5)
        assert found["depth"][row] == f"k {low} to {low + 4}"
        assert found["facing"][row] == "ijk"[int(np.argmax(np.abs(normal)))]
        blocks = np.flatnonzero(labels.coarse[row])
        assert found["block"][row] == (f"block {blocks[0]:02d}" if len(blocks) else "")


def test_unknown_labels_make_no_stratum(toy: VolumeSet, toy_manifest: Manifest) -> None:
    found = strata(toy_manifest, toy, toy_manifest.parts["test"].labels(toy_manifest.grid))
    assert "label" not in found


def test_strata_of_a_kind_add_up_to_the_whole(labelled_set: tuple[VolumeSet, Manifest]) -> None:
    volumes, manifest = labelled_set
    boxes = np.random.default_rng(0).random((manifest.counts["test"], 729)).astype(np.float32)
    answers = Predictions(boxes=boxes)
    whole = next(m for m in evaluate(answers, manifest, volumes) if m.metric == "fine_recall@1")
    found = details(answers, manifest, volumes)
    for kind in {one.kind for one in found.strata}:
        some = [one for one in found.strata if one.kind == kind]
        np.testing.assert_allclose(np.sum([s.sums for s in some], axis=0), [one for (one,) in whole.sums])
        np.testing.assert_array_equal(np.sum([s.counts for s in some], axis=0), whole.counts)
    names = [one.name for one in found.strata if one.kind in ("depth", "facing")]
    assert names == ["k 0 to 4", "k 5 to 9", "k 10 to 14", "k 15 to 19", "i", "j", "k"]
    assert found.strata == [stratum(s.kind, s.name, s.sums, s.counts, s.chance) for s in found.strata]
    assert found.reliability == []
    assert found.errors == {}


def test_reliability_and_errors_equal_a_loop(toy: VolumeSet, toy_manifest: Manifest) -> None:
    rng, sections = np.random.default_rng(1), toy_manifest.parts["test"]
    boxes = rng.random((len(sections), 729)).astype(np.float32) ** 3
    moved = sections.centres + rng.normal(size=(len(sections), 3))
    answers = Predictions(boxes=boxes, centres=moved, normals=sections.normals, probabilities=True)
    found = details(answers, toy_manifest, toy)
    labels = sections.labels(toy_manifest.grid).boxes
    labelled = labels.any(axis=1)
    best = boxes.argmax(axis=1)
    assert sum(one.count for one in found.reliability) == labelled.sum()
    right = sum(one.count * one.right for one in found.reliability)
    assert right == pytest.approx(labels[np.arange(len(best)), best][labelled].sum())
    mean = sum(one.count * one.confidence for one in found.reliability) / labelled.sum()
    assert mean == pytest.approx(boxes.max(axis=1)[labelled].mean(), abs=1e-6)
    distance = np.linalg.norm(moved - sections.centres, axis=1)[labelled]
    np.testing.assert_allclose(found.errors["centre_voxel"], np.percentile(distance, range(0, 101, 5)))
    assert set(found.errors) == {"centre_voxel", "centre_mm", "corner_voxel", "corner_mm", "angle_degree"}


def test_facts_survive_their_file_and_count_in_the_digest(labelled_set: tuple[VolumeSet, Manifest], tmp_path: Path) -> None:
    volumes, _ = labelled_set
    volumes.save(tmp_path / "v.npz")
    found = VolumeSet.load(tmp_path / "v.npz")
    assert found.facts == volumes.facts
    assert found.digest == volumes.digest != replace(volumes, facts={}).digest


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("depth", ["k 0 to 4", "k 5 to 9", "k 10 to 14", "k 15 to 19"]),
        ("background", ["none", "below half", "half or more", "all"]),
        ("facing", ["i", "j", "k"]),
        ("block", ["block 02", "block 10", "block 26"]),
        ("label", ["-1", "0.5", "2", "10", "1e+06", "unknown"]),
        ("label", ["AD", "CN", "MCI", "type 10", "type 9"]),
        ("age", ["below 5", "5 to 9.5", "9.5 to 30", "30 and above", "unknown"]),
    ],
)
def test_strata_stand_in_their_natural_order(kind: str, names: list[str]) -> None:
    mixed = np.array([*names[::-1], *names, ""])
    assert in_order(kind, mixed) == names
