"""Steps of degradation: identity is exact, results do not depend on the batch or the device, and each does what it says."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import ndimage

from atombench.errors import ConfigError
from atombench.tasks.atom.degradation.conditions import CONDITIONS, CONTRASTS, STEPS, parse
from atombench.tasks.atom.degradation.contrast import Contrast
from atombench.tasks.atom.degradation.damage import KINDS, Degradation, Records, sample
from atombench.tasks.atom.degradation.field import KNOTS, Field
from atombench.tasks.atom.degradation.step import Range, Step
from atombench.tasks.atom.geometry import BlockGrid
from atombench.tasks.atom.sections import cut_sections
from tests.conftest import textured

GRID = BlockGrid(2)
COUNT = 300


@pytest.fixture(scope="module")
def volumes() -> np.ndarray:
    return textured(3, GRID.edge)


@pytest.fixture(scope="module")
def poses() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    normals = rng.normal(size=(COUNT, 3))
    return np.arange(COUNT) % 3, rng.integers(6, 34, (COUNT, 3)), normals


def identical(kind: type[Step]) -> Step:
    """Return a step with settings under which it changes nothing."""
    neutral = {"factor": Range(1, 1), "largest": 0.0, "mirrored": 0.0, "deviation": 0.0, "probability": 0.0}
    step = kind.at(1)
    return replace(step, **{name: neutral[name] for name in vars(step) if name in neutral})


NEUTRAL = [name for name in KINDS if name not in ("contrast", "noise")]


@pytest.mark.parametrize("names", [*[(name,) for name in NEUTRAL], tuple(NEUTRAL)], ids="-".join)
def test_identity_settings_leave_every_bit(names: tuple[str, ...], volumes: np.ndarray, poses: tuple) -> None:
    neutral = Degradation(tuple(identical(KINDS[name]) for name in names), None, {})
    records = neutral.draw(COUNT, GRID, "test")
    clean = cut_sections(volumes, *poses, 2).pixels
    np.testing.assert_array_equal(neutral.apply(volumes, *poses, GRID, records), clean)


@pytest.mark.parametrize("condition", ["histology-1", "histology-3", "histology-5"])
def test_a_section_depends_on_its_own_record_only(condition: str, volumes: np.ndarray, poses: tuple) -> None:
    degradation = Degradation.under(condition, GRID)
    records = degradation.draw(COUNT, GRID, "test")
    whole = degradation.apply(volumes, *poses, GRID, records)
    for rows in (np.arange(7), np.array([250, 3, 99]), slice(100, 101)):
        part = degradation.apply(volumes, *(pose[rows] for pose in poses), GRID, records.take(rows))
        np.testing.assert_array_equal(part, whole[rows])
    again = degradation.draw(COUNT, GRID, "test")
    np.testing.assert_array_equal(degradation.apply(volumes, *poses, GRID, again), whole)
    other = degradation.apply(volumes, *poses, GRID, degradation.draw(COUNT, GRID, "another key"))
    assert (other != whole).mean() > 0.5


def test_torch_gives_the_same_sections_as_numpy(volumes: np.ndarray, poses: tuple) -> None:
    degradation = Degradation.under("histology-4", GRID)
    records = degradation.draw(COUNT, GRID, "test")
    expected = degradation.apply(volumes, *poses, GRID, records)
    tensors = [torch.from_numpy(np.asarray(array)) for array in (volumes, *poses)]
    found = degradation.apply(*tensors, GRID, records)
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-4)


@pytest.mark.parametrize("name", list(KINDS))
def test_each_step_changes_sections_and_can_be_left_out(name: str, volumes: np.ndarray, poses: tuple) -> None:
    alone, together = (Degradation.under(f"{kind}-5", BlockGrid(2, 2)) for kind in (name, "histology"))
    grid = BlockGrid(2, 2)
    clean = cut_sections(volumes, *poses, 2, context=2).pixels
    damaged = alone.apply(volumes, *poses, grid, alone.draw(COUNT, grid, "test"))
    assert damaged.shape == clean.shape == (COUNT, 16, 16)
    changed = (np.abs(damaged - clean) > 0.01).any(axis=(1, 2)).mean()
    probability = {"tear": 0.5, "fold": 0.2}.get(name, 1.0)
    assert changed == pytest.approx(probability, abs=0.1)
    records = together.draw(COUNT, grid, "test")
    left_out = together.apply(volumes, *poses, grid, records, without=[name])
    fewer = Degradation.of([step for step in STEPS if step != name], 5, grid)
    np.testing.assert_array_equal(left_out, fewer.apply(volumes, *poses, grid, records))
    assert (left_out != together.apply(volumes, *poses, grid, records)).any()


def test_sampling_equals_trilinear_interpolation_with_zeros_outside(volumes: np.ndarray) -> None:
    rng = np.random.default_rng(1)
    points = rng.integers(-2, 42, (50, 3, 9)).astype(np.int32)
    displaced = rng.uniform(-2, 2, (50, 3, 9))
    index = rng.integers(0, 3, 50)
    found = sample(volumes, index, points, displaced)
    padded = np.pad(volumes, ((0, 0), (6, 6), (6, 6), (6, 6)))
    for row in range(50):
        places = points[row] + displaced[row] + 6
        expected = ndimage.map_coordinates(padded[index[row]].astype(np.float64), places, order=1)
        np.testing.assert_allclose(found[row], expected, atol=1e-5)


def test_a_rotation_by_ninety_degrees_turns_the_section(volumes: np.ndarray) -> None:
    rotation = Degradation.of(["rotation"], 1, GRID)
    pose = (np.zeros(1, np.int64), np.array([[20, 20, 20]]), np.array([[0.0, 0.0, 1.0]]))
    clean = cut_sections(volumes, *pose, 2).pixels
    for quarter in range(4):
        record = {"angle": np.array([quarter * np.pi / 2]), "mirrored": np.array([False])}
        turned = rotation.apply(volumes, *pose, GRID, Records({"rotation": record}))
        np.testing.assert_allclose(turned[0], np.rot90(clean[0], -quarter), atol=1e-5)
    record = {"angle": np.zeros(1), "mirrored": np.array([True])}
    mirrored = rotation.apply(volumes, *pose, GRID, Records({"rotation": record}))
    np.testing.assert_allclose(mirrored[0], clean[0][:, ::-1], atol=1e-5)


def test_shrunk_tissue_shows_points_farther_out(volumes: np.ndarray) -> None:
    """At half size, the section's edge shows what lay twice as far from its middle."""
    shrinkage = Degradation.of(["shrinkage"], 5, GRID)
    pose = (np.zeros(1, np.int64), np.array([[20, 20, 20]]), np.array([[0.0, 0.0, 1.0]]))
    small = shrinkage.apply(volumes, *pose, GRID, Records({"shrinkage": {"factor": np.array([0.5])}}))[0]
    plane = volumes[0, :, :, 20].astype(np.float64)
    offsets = (np.arange(8) - 3.5) / 0.5 + 19.5
    b, a = np.meshgrid(offsets, offsets, indexing="ij")
    np.testing.assert_allclose(small, ndimage.map_coordinates(plane, [a, b], order=1), atol=1e-5)


@pytest.mark.parametrize(("severity", "target"), [(1, 0.8), (3, 0.4), (5, 0.2)])
def test_contrast_reaches_its_correlation(severity: int, target: float, volumes: np.ndarray, poses: tuple) -> None:
    degradation = Degradation.of(["contrast"], severity, GRID)
    stained = degradation.apply(volumes, *poses, GRID, degradation.draw(COUNT, GRID, "test"))
    clean = cut_sections(volumes, *poses, 2).pixels
    correlations = [
        np.corrcoef(clean[row][tissue], stained[row][tissue])[0, 1]
        for row in range(COUNT)
        if (tissue := clean[row] > 0.05).sum() > 20
    ]
    assert np.median(correlations) == pytest.approx(-target, abs=0.06)
    assert (stained[clean <= 0.05] == 0).all()
    assert isinstance(degradation.steps[0], Contrast)


def test_the_field_has_the_stated_deviation() -> None:
    field = Field(0.02)
    degradation = Degradation((field,), None, {})
    knots = degradation.draw(4000, GRID, "test").of_step["field"]["knots"]
    assert knots.shape == (4000, 2, KNOTS**2)
    from atombench.tasks.atom.degradation.field import spline_weights

    moved = knots @ spline_weights(GRID.section)
    assert moved.std() == pytest.approx(0.02 * 8, rel=0.05)
    assert np.abs(np.diff(moved.reshape(-1, 8, 8), axis=1)).mean() < 0.5 * moved.std()  # smooth


def test_missing_tissue_has_the_stated_share(volumes: np.ndarray, poses: tuple) -> None:
    degradation = Degradation.of(["missing"], 5, GRID)
    records = degradation.draw(COUNT, GRID, "test")
    left = degradation.apply(volumes, *poses, GRID, records)
    clean = cut_sections(volumes, *poses, 2).pixels
    inside = (clean > 0).all(axis=(1, 2))
    removed = (left == 0).mean(axis=(1, 2))[inside]
    np.testing.assert_allclose(removed, np.round(records.of_step["missing"]["share"][inside] * 64) / 64)
    assert 0.09 < removed.mean() < 0.15


@pytest.mark.parametrize(
    ("name", "grid", "reason"),
    [
        ("field", BlockGrid(1), "moves no point of 4 x 4 pixels by 0.1 pixels"),
        ("tear", BlockGrid(1), "is narrower than 0.25 pixels of 4 x 4 pixels"),
        ("fold", BlockGrid(1), "is narrower than 0.25 pixels of 4 x 4 pixels"),
    ],
)
def test_a_step_that_cannot_be_seen_says_so_and_does_nothing(
    name: str, grid: BlockGrid, reason: str, volumes: np.ndarray, poses: tuple
) -> None:
    small = textured(3, 20)
    place = (poses[0], poses[1] // 2, poses[2])
    degradation = Degradation.of([name], 2, grid)
    assert degradation.unseen == {name: reason}
    clean = cut_sections(small, *place, 1).pixels
    np.testing.assert_array_equal(degradation.apply(small, *place, grid, degradation.draw(COUNT, grid, "test")), clean)


def test_a_mild_section_has_neither_folds_nor_holes() -> None:
    unseen = Degradation.under("histology-1", BlockGrid(3, 2)).unseen
    assert {name for name, reason in unseen.items() if reason == "does not occur at this severity"} == {
        "tear",
        "fold",
        "missing",
    }


def test_random_numbers_are_shared_by_all_severities() -> None:
    mild, severe = (Degradation.under(f"tilt-{severity}", GRID).draw(9, GRID, "test").of_step["tilt"] for severity in (1, 5))
    np.testing.assert_allclose(severe["tilt"], 5 * mild["tilt"])
    np.testing.assert_array_equal(severe["angle"], mild["angle"])


def test_conditions_are_all_steps_at_five_severities_together_and_alone() -> None:
    assert len(CONDITIONS) == 1 + 5 * (1 + len(STEPS)) + len(CONTRASTS) == 71
    assert set(KINDS) | {"blur"} == set(STEPS)
    assert parse("from-t2") == ((), 0)
    assert parse("clean") == ((), 0)
    assert parse("histology-2") == (STEPS, 2)
    with pytest.raises(ConfigError, match="unknown condition of atom 'histology-6'; did you mean 'histology-5'"):
        parse("histology-6")


def test_blur_changes_the_volumes_and_not_the_sections(volumes: np.ndarray, poses: tuple) -> None:
    degradation = Degradation.under("blur-5", GRID)
    assert degradation.steps == ()
    blurred = degradation.blurred(volumes)
    assert blurred.std() < 0.8 * volumes.std()
    np.testing.assert_allclose(blurred.mean(axis=(1, 2, 3)), volumes.mean(axis=(1, 2, 3)), atol=0.01)
    clean = cut_sections(volumes, *poses, 2).pixels
    records = degradation.draw(COUNT, GRID, "test")
    np.testing.assert_array_equal(degradation.apply(volumes, *poses, GRID, records), clean)
