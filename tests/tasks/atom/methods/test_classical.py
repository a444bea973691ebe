"""Classical baselines equal scikit-learn and naive references; they use the volume only if asked to."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.ensemble import RandomForestRegressor
from sklearn.neighbors import KNeighborsRegressor

from atombench.engine.contract import Resources
from atombench.io.tensors import load_tensors, save_tensors
from atombench.tasks.atom.geometry import BlockGrid, section_points
from atombench.tasks.atom.labels import label_sections
from atombench.tasks.atom.manifest import Manifest
from atombench.tasks.atom.methods.classical import ClassicalMethod, Memory, mean_log
from atombench.tasks.atom.methods.features import Inputs, shares
from atombench.tasks.atom.methods.forest import leaves_of, shared_leaves, tree_arrays
from atombench.tasks.atom.methods.knn import _answer
from atombench.tasks.atom.methods.pca_ridge import box_shares, principal, projected
from atombench.tasks.atom.methods.pose_numbers import numbers_of, poses_of
from atombench.tasks.atom.queries import Queries, make_queries
from atombench.tasks.atom.ranking import first_correct
from atombench.tasks.atom.sections import cut_sections
from atombench.tasks.atom.task import ATOM
from atombench.tasks.atom.training import make_training
from atombench.volumes.curated import Curated

build = ATOM.registry.build
ALL = ["knn", "pca-ridge", "forest"]
GRID = BlockGrid(1)


def random_poses(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    return random.uniform(5, 15, (count, 3)), random.normal(size=(count, 3))


def test_poses_survive_their_numbers_at_any_length_of_the_normals() -> None:
    centres, normals = random_poses(100)
    found_centres, found_normals = poses_of(numbers_of(centres, normals, BlockGrid(2)))
    np.testing.assert_allclose(found_centres, centres)
    np.testing.assert_allclose(found_normals, normals / np.linalg.norm(normals, axis=1, keepdims=True), atol=1e-12)


def test_the_mean_of_normals_on_both_sides_of_the_half_sphere_is_their_plane_on_the_side_of_the_majority() -> None:
    normals = np.array([[1.0, 0, 0.1], [-1.0, 0, 0.1], [-1.0, 0.1, 0]])
    mean = numbers_of(np.zeros((3, 3)), normals, GRID).mean(axis=0, keepdims=True)
    normal = poses_of(mean)[1][0]
    assert normal[0] < -0.98  # the plain mean has a length of a third and a component of 0.2 along k
    assert np.linalg.norm(normals.mean(axis=0)) < 0.4


def test_matches_are_the_intensities_that_a_section_shares_with_a_cell() -> None:
    volume = np.zeros((1, 20, 20, 20), np.float32)
    volume[0, 4:8, 12:16, 0:4] = 0.5  # cell (1, 3, 0)
    pixels = np.full((2, 8, 8), 0.9, np.float32)  # around the core, which alone is matched
    pixels[0, 2:6, 2:6], pixels[1, 2:6, 2:4], pixels[1, 2:6, 4:6] = 0.5, 0.5, 0.0
    found = Inputs.of(volume, np.zeros(2, np.int64), pixels, BlockGrid(1, 2)).matches().reshape(2, 5, 5, 5)
    assert found[0, 1, 3, 0] == 1
    assert found[0].sum() == 1
    assert found[1, 1, 3, 0] == 0.5
    assert found[1, 0, 0, 0] == 0.5
    assert shares(np.array([[0.0, 0.01, 0.5, 1.3]], np.float32))[0].tolist() == [0.5, 0, 0, 0, 0.25, 0, 0, 0.25]


def test_joined_inputs_keep_the_volume_of_each_section() -> None:
    volumes = np.random.default_rng(0).random((3, 20, 20, 20)).astype(np.float32)
    index, pixels = np.array([0, 1, 1, 2]), np.zeros((4, 4, 4), np.float32)
    parts = [Inputs.of(volumes[:2], index[:3], pixels[:3], GRID), Inputs.of(volumes[2:], np.array([0]), pixels[3:], GRID)]
    joined, whole = Inputs.joined(parts), Inputs.of(volumes, index, pixels, GRID)
    np.testing.assert_array_equal(joined.volume_index, index)
    np.testing.assert_array_equal(joined.coarse, whole.coarse)
    np.testing.assert_array_equal(joined.matches(), whole.matches())


@pytest.fixture
def memory() -> Memory:
    centres, normals = random_poses(60)
    boxes = label_sections(section_points(centres, normals, GRID), GRID).boxes
    return Memory(np.packbits(boxes, axis=1), numbers_of(centres, normals, GRID).astype(np.float32))


def test_answers_of_neighbours_are_the_means_of_scikit_learn_smoothed_by_one_neighbour(memory: Memory) -> None:
    random = np.random.default_rng(1)
    known, queried = random.normal(size=(60, 5)), random.normal(size=(7, 5))
    boxes = np.unpackbits(memory.boxes, axis=1, count=729).astype(float)
    model = KNeighborsRegressor(4).fit(known, np.concatenate([boxes, memory.numbers], axis=1))
    expected = model.predict(queried)
    answers = _answer(memory, model.kneighbors(queried, return_distance=False))
    np.testing.assert_allclose(answers["boxes"], (4 * expected[:, :729] + boxes.mean(axis=0)) / 5, atol=1e-6)
    centres, normals = poses_of(expected[:, 729:])
    np.testing.assert_allclose(answers["centres"], centres, atol=1e-5)
    np.testing.assert_allclose(np.abs((answers["normals"] * normals).sum(axis=1)), 1, atol=1e-6)


def test_leaves_and_means_of_trees_are_those_of_scikit_learn() -> None:
    random = np.random.default_rng(2)
    known, queried = random.normal(size=(300, 6)).astype(np.float32), random.normal(size=(50, 6)).astype(np.float32)
    targets = np.stack([known[:, 0] * known[:, 1], np.sin(known[:, 2])], axis=1)
    model = RandomForestRegressor(7, min_samples_leaf=3, max_features=0.5, bootstrap=False, random_state=0).fit(known, targets)
    trees = tree_arrays([estimator.tree_ for estimator in model.estimators_])
    np.testing.assert_array_equal(leaves_of(trees, queried) - trees["roots"], model.apply(queried))
    weights = shared_leaves(leaves_of(trees, queried), leaves_of(trees, known), len(trees["feature"]))
    np.testing.assert_allclose(np.asarray(weights.sum(axis=1)).ravel(), 1)
    np.testing.assert_allclose(weights @ targets, model.predict(queried))


def test_principal_components_are_uncorrelated_with_variance_one_and_constant_values_have_none() -> None:
    random = np.random.default_rng(3)
    values = random.normal(size=(200, 10)) @ random.normal(size=(10, 10)) + 5
    components = projected(principal(values, 4, "x"), values, "x")
    np.testing.assert_allclose(np.cov(components.T), np.eye(4), atol=1e-8)
    constant = np.eye(20, 5)
    constant[:, 3:] = 1
    assert projected(principal(constant, 5, "x"), constant, "x").shape == (20, 3)


def test_shares_of_boxes_are_those_of_the_pose_plus_each_error() -> None:
    centres, normals = random_poses(70)
    numbers = numbers_of(centres, normals, GRID)
    errors = np.random.default_rng(4).normal(size=(3, 12))
    expected = np.zeros((70, 729))
    for error in errors:
        expected += label_sections(section_points(*poses_of(numbers + error), GRID), GRID).boxes / 3
    np.testing.assert_allclose(box_shares(numbers, errors, BlockGrid(1, 2)), expected, atol=1e-6)


def test_the_mean_log_counts_all_correct_boxes_together_and_ignores_unlabelled_sections() -> None:
    boxes = np.array([[0.2, 0.2, 0.4], [0.5, 0.3, 0.2], [1.0, 1.0, 1.0]], np.float32)
    correct = np.array([[True, True, False], [True, False, False], [False, False, False]])
    assert mean_log(boxes, correct) == pytest.approx(np.log(0.5), abs=1e-6)
    assert mean_log(boxes, np.zeros_like(correct)) == 0


@pytest.mark.parametrize("volume", [False, True])
@pytest.mark.parametrize("name", ALL)
def test_the_volume_matters_exactly_if_the_option_says_so(
    name: str, volume: bool, toy_data: Curated, toy_manifest: Manifest
) -> None:
    method = build(name, {**build(name, {}).smoke, "volume": volume})
    queries = make_queries(toy_data, toy_manifest)
    weights = method.fit(make_training(toy_data, toy_manifest), Resources(seed=1))
    exchanged = replace(queries, volumes=np.roll(queries.volumes, 1, axis=0))
    first, second = (method.predict(weights, asked, Resources(seed=1)) for asked in (queries, exchanged))
    for field in ("boxes", "centres"):
        assert np.array_equal(first.get(field), second.get(field)) != volume
    assert len(np.unique(first.get("centres"), axis=0)) > 10


@pytest.mark.parametrize("name", ALL)
def test_each_method_finds_sections_of_one_known_volume(name: str, toy_data: Curated, toy_manifest: Manifest) -> None:
    """Sections of a training volume near those that were learned; the intensity rises along all axes, so that it is a line."""
    ramp = np.stack(np.meshgrid(*[np.linspace(0, 1, 20)] * 3, indexing="ij"))
    volume = (0.6 * ramp[0] + 0.3 * ramp[1] + 0.1 * ramp[2]).astype(np.float32)
    training = make_training(toy_data, toy_manifest)
    training = replace(training, volumes=np.broadcast_to(volume, training.volumes.shape).copy())
    method = build(name, {**build(name, {}).smoke, "train_sections": 900})
    weights = method.fit(training, Resources(seed=1))
    asked = training.val
    pixels = cut_sections(training.volumes, asked.volume, asked.centres, asked.normals).pixels
    order = np.argsort(asked.volume, kind="stable")
    queries = Queries(GRID, "hard", training.volumes, asked.volume[order].astype(np.int64), pixels[order])
    answers = method.predict(weights, queries, Resources(seed=1))
    errors = np.abs(answers.get("centres") - asked.centres[order])[:, 0]
    spread = np.abs(asked.centres[:, 0] - asked.centres[:, 0].mean())
    assert errors.mean() < 0.5 * spread.mean()  # along the steepest axis
    correct = asked.take(order).labels(GRID).boxes
    labelled = correct.any(axis=1)
    ranks, _ = first_correct(answers.get("boxes")[labelled], correct[labelled])
    assert (ranks == 1).mean() > 0.05  # chance is 0.02


@pytest.mark.parametrize("name", ALL)
def test_restored_weights_answer_alike_and_damage_changes_them(
    name: str, toy_data: Curated, toy_manifest: Manifest, tmp_path: Path
) -> None:
    training = make_training(toy_data, toy_manifest)
    options = {**ClassicalMethod.smoke, "train_sections": 512}
    plain, damaged = (build(name, {**options, "damage": damage}).fit(training, Resources(seed=1)) for damage in (0, 5))
    save_tensors(tmp_path / "weights.safetensors", plain)
    restored, queries = load_tensors(tmp_path / "weights.safetensors")[0], make_queries(toy_data, toy_manifest)
    first, again = (build(name, options).predict(weights, queries, Resources(seed=1)) for weights in (plain, restored))
    np.testing.assert_allclose(
        first.get("boxes"), again.get("boxes"), atol=0.02
    )  # sums of other memory orders round differently
    np.testing.assert_allclose(first.get("centres"), again.get("centres"), atol=1e-6)
    assert any(not np.array_equal(plain[key], damaged[key]) for key in plain)
