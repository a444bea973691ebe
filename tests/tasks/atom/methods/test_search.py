"""The method `search`: exact at scale 1, better calibrated than scores from poses, and coarse to fine at other scales."""

import dataclasses

import numpy as np
import pytest

from atombench.engine.answers import Answers
from atombench.engine.contract import Resources
from atombench.tasks.atom.board import AtomBoard
from atombench.tasks.atom.manifest import Manifest, make_manifest
from atombench.tasks.atom.metrics import make_truth, score
from atombench.tasks.atom.poses import pose_errors, pose_scores
from atombench.tasks.atom.queries import Queries, make_queries, query_order
from atombench.tasks.atom.search.posterior import Calibration
from atombench.tasks.atom.task import ATOM
from atombench.tasks.atom.training import make_training
from atombench.volumes.curated import Curated
from tests.conftest import textured, volume_set

RESOURCES = Resources(seed=1)
WEIGHTS = {name: np.array([value]) for name, value in vars(Calibration(0.1, 0.01, 0.01, 0.0, 0.01)).items()}
build = ATOM.registry.build


def some(queries: Queries, count: int) -> Queries:
    """Return the first queries of the first volume."""
    return dataclasses.replace(
        queries, volumes=queries.volumes[:1], volume_index=queries.volume_index[:count], pixels=queries.pixels[:count]
    )


def test_at_scale_1_the_pose_is_that_of_the_exhaustive_search(toy_data: Curated, toy_manifest: Manifest) -> None:
    queries = make_queries(toy_data, toy_manifest, "histology-2")
    for options in ({}, {"similarity": "ncc"}):
        found = build("search", options).predict(WEIGHTS, queries, RESOURCES)
        expected = build("exhaustive", options).predict({}, queries, RESOURCES)
        np.testing.assert_array_equal(found.get("centres"), expected.get("centres"))
        np.testing.assert_array_equal(found.get("normals"), expected.get("normals"))


def test_calibrated_probabilities_have_a_smaller_calibration_error_than_scores_from_poses(
    toy_data: Curated, toy_manifest: Manifest
) -> None:
    method, queries = build("search", {"damage": 5, "val_sections": 100}), make_queries(toy_data, toy_manifest, "histology-3")
    weights = method.fit(make_training(toy_data, toy_manifest), RESOURCES)
    found = method.predict(weights, queries, RESOURCES).in_manifest_order(query_order(toy_manifest))
    truth = make_truth(toy_data, toy_manifest)
    derived, _ = pose_scores(np.asarray(found.get("centres")), np.asarray(found.get("normals")), truth.grid)

    def calibration_error(answers: Answers) -> float:
        values = next(each for each in score(answers, truth) if each.metric == "calibration_error")
        gaps = np.asarray(values.values)[np.asarray(values.counted)]
        return float(np.abs(gaps.sum(axis=0)).sum() / len(gaps))

    error = calibration_error(found)
    assert error < 0.1
    assert error < calibration_error(Answers(boxes=derived, probabilities=True)) / 2


@pytest.fixture(scope="module")
def larger() -> tuple[Queries, np.ndarray, np.ndarray]:
    """Return queries at scale 2 with context 2, and their true centres and normals."""
    data = Curated.of(volume_set((2, 1, 1), textured(4, 40)), "cube40")
    manifest = make_manifest(data, AtomBoard("tissue", "none", 2, 2))
    sections = manifest.parts["test"].take(query_order(manifest))
    return some(make_queries(data, manifest), 12), sections.centres[:12].astype(float), sections.normals[:12]


@pytest.mark.parametrize("refinement", ["none", "mattes"])
def test_at_scale_2_most_poses_are_found_from_coarse_to_fine(
    larger: tuple[Queries, np.ndarray, np.ndarray], refinement: str
) -> None:
    queries, centres, normals = larger
    options = {"coarse_orientations": 150, "refinement": refinement, "starts": 64 if refinement == "none" else 8}
    found = build("search", options).predict(WEIGHTS, queries, RESOURCES)
    poses = (np.asarray(found.get("centres")), np.asarray(found.get("normals")))
    errors = pose_errors(poses, (centres, normals), np.ones((12, 3)), queries.grid)
    assert np.median(errors.centre_voxel) < 1.5
    assert np.median(errors.angle_degree) < 8


def test_turned_sections_are_found_if_turns_are_searched(toy_data: Curated) -> None:
    queries = some(make_queries(toy_data, make_manifest(toy_data, AtomBoard("easy", "none", 1))), 40)
    quarter = dataclasses.replace(queries, pixels=np.rot90(queries.pixels, axes=(1, 2)).copy())
    expected = build("search", {}).predict(WEIGHTS, queries, RESOURCES).get("centres")
    plain = build("search", {}).predict(WEIGHTS, quarter, RESOURCES).get("centres")
    both = build("search", {"turns": [0.0, 90.0, -90.0]}).predict(WEIGHTS, quarter, RESOURCES).get("centres")
    assert (plain == expected).all(axis=1).mean() < 0.5
    assert (both == expected).all(axis=1).mean() > 0.9
