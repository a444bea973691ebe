from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from atombench.engine.answers import Answers
from atombench.tasks.atom.board import AtomBoard
from atombench.tasks.atom.manifest import Manifest, make_manifest
from atombench.tasks.atom.metrics import make_truth
from atombench.tasks.atom.strata import strata
from atombench.tasks.atom.task import ATOM
from atombench.tasks.evaluate import evaluate
from atombench.volumes.curated import Curated
from atombench.volumes.volume_set import VolumeSet
from tests.conftest import volume_set
from tests.records.made import stratum


@pytest.fixture(scope="module")
def labelled_set() -> tuple[VolumeSet, Manifest]:
    volumes = volume_set((4, 2, 6))
    labels, ages = ("AD", "CN") * 6, ("below 30",) * 6 + ("30 and above",) * 6
    volumes = replace(volumes, labels=labels, facts={"age": ages})
    return volumes, make_manifest(Curated.of(volumes), AtomBoard("hard", "none", 1))


def test_every_section_belongs_to_one_stratum_of_each_kind(labelled_set: tuple[VolumeSet, Manifest]) -> None:
    volumes, manifest = labelled_set
    sections = manifest.parts["test"]
    labels = sections.labels(manifest.grid)
    data = Curated.of(volumes)
    found = strata(data, manifest, make_truth(data, manifest))
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


def test_unknown_labels_are_omitted(toy_data: Curated, toy_manifest: Manifest) -> None:
    found = strata(toy_data, toy_manifest, make_truth(toy_data, toy_manifest))
    assert "label" not in found


def test_strata_of_a_kind_add_up_to_the_metric(labelled_set: tuple[VolumeSet, Manifest]) -> None:
    volumes, manifest = labelled_set
    boxes = np.random.default_rng(0).random((manifest.counts["test"], 729)).astype(np.float32)
    found = evaluate(ATOM, Answers(boxes=boxes), Curated.of(volumes), manifest)
    whole = next(m for m in found.metrics if m.metric == "fine_recall@1")
    for kind in {each.kind for each in found.strata}:
        of_kind = [each for each in found.strata if each.kind == kind]
        np.testing.assert_allclose(np.sum([s.sums for s in of_kind], axis=0), [total for (total,) in whole.sums])
        np.testing.assert_array_equal(np.sum([s.counts for s in of_kind], axis=0), whole.counts)
    names = [each.name for each in found.strata if each.kind in ("depth", "facing")]
    assert names == ["k 0 to 4", "k 5 to 9", "k 10 to 14", "k 15 to 19", "i", "j", "k"]
    assert found.strata == [stratum(s.kind, s.name, s.sums, s.counts, s.chance) for s in found.strata]
    assert found.reliability == []
    assert found.errors == {}


def test_reliability_and_errors_equal_a_loop(toy_data: Curated, toy_manifest: Manifest) -> None:
    rng, sections = np.random.default_rng(1), toy_manifest.parts["test"]
    boxes = rng.random((len(sections), 729)).astype(np.float32) ** 3
    moved = sections.centres + rng.normal(size=(len(sections), 3))
    answers = Answers(boxes=boxes, centres=moved, normals=sections.normals, probabilities=True)
    found = evaluate(ATOM, answers, toy_data, toy_manifest)
    labels = sections.labels(toy_manifest.grid).boxes
    labelled = labels.any(axis=1)
    best = boxes.argmax(axis=1)
    assert sum(part.count for part in found.reliability) == labelled.sum()
    right = sum(part.count * part.right for part in found.reliability)
    assert right == pytest.approx(labels[np.arange(len(best)), best][labelled].sum())
    mean = sum(part.count * part.confidence for part in found.reliability) / labelled.sum()
    assert mean == pytest.approx(boxes.max(axis=1)[labelled].mean(), abs=1e-6)
    distance = np.linalg.norm(moved - sections.centres, axis=1)[labelled]
    np.testing.assert_allclose(found.errors["centre_voxel"], np.percentile(distance, range(0, 101, 5)))
    assert set(found.errors) == {"centre_voxel", "centre_mm", "corner_voxel", "corner_mm", "angle_degree"}


def test_facts_are_restored_from_file_and_change_the_digest(labelled_set: tuple[VolumeSet, Manifest], tmp_path: Path) -> None:
    volumes, _ = labelled_set
    volumes.save(tmp_path / "v.npz")
    found = VolumeSet.load(tmp_path / "v.npz")
    assert found.facts == volumes.facts
    assert found.digest == volumes.digest != replace(volumes, facts={}).digest
