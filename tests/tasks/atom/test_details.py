"""Details of a run that pages show for single sections: answers to the cases, and pictures of failures."""

import base64
import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from atombench.engine.answers import Answers
from atombench.io.images import grey
from atombench.tasks.atom.board import AtomBoard
from atombench.tasks.atom.cases import case_rows
from atombench.tasks.atom.details import FAILURES, plane_of
from atombench.tasks.atom.manifest import Manifest, make_manifest
from atombench.tasks.atom.ranking import first_correct
from atombench.tasks.atom.shown import Failure, Shown
from atombench.tasks.atom.task import ATOM
from atombench.tasks.evaluate import evaluate
from atombench.volumes.curated import Curated
from atombench.volumes.volume_set import VolumeSet
from tests.conftest import textured, volume_set


def guessed(manifest: Manifest, seed: int = 0) -> Answers:
    return Answers(boxes=np.random.default_rng(seed).random((manifest.counts["test"], 729)).astype(np.float32))


def true_pose(manifest: Manifest) -> dict[str, np.ndarray]:
    sections = manifest.parts["test"]
    return {"centres": sections.centres.astype(float), "normals": sections.normals}


def picture(text: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(text))))


def shown(answers: Answers, manifest: Manifest, volumes: VolumeSet, pictures: bool = True) -> Shown:
    evaluation = evaluate(ATOM, answers, Curated.of(volumes), manifest, pictures=pictures)
    return Shown.model_validate(evaluation.own)


def test_answers_to_the_cases_contain_ranks_and_scores(toy: VolumeSet, toy_manifest: Manifest) -> None:
    answers, labels = guessed(toy_manifest), toy_manifest.parts["test"].labels(toy_manifest.grid)
    found = shown(answers, toy_manifest, toy, pictures=False).answers
    assert [answer.section for answer in found] == case_rows(toy_manifest, labels).tolist()
    for answer in found:
        scores = answers.get("boxes")[answer.section].astype(float)
        order = sorted(range(729), key=lambda box, s=scores: (-s[box], box))
        assert answer.box == order[0]
        assert answer.rank == next(r for r, box in enumerate(order, 1) if labels.boxes[answer.section, box])
        expected = np.rint(255 * (scores - scores.min()) / (scores.max() - scores.min()))
        assert list(base64.b64decode(answer.scores)) == expected.tolist()
        assert answer.centre is answer.normal is None


def test_failures_show_sections_as_the_method_saw_them(toy: VolumeSet, toy_manifest: Manifest) -> None:
    clean, noisy = (
        Shown.model_validate(
            evaluate(ATOM, guessed(toy_manifest), Curated.of(toy), toy_manifest, None, True, condition).own
        ).failures
        for condition in ("clean", "noise-5")
    )
    assert len(clean) == len(noisy) == FAILURES
    for before, after in zip(clean, noisy, strict=True):
        assert (before.section, before.there, before.answered) == (after.section, after.there, after.answered)
        difference = picture(before.pixels).astype(int) - picture(after.pixels)
        assert 0 < np.abs(difference).mean() < 60


def test_equal_scores_are_stored_as_zeros(toy: VolumeSet, toy_manifest: Manifest) -> None:
    flat = Answers(boxes=np.full((toy_manifest.counts["test"], 729), 3.5, np.float32))
    for answer in shown(flat, toy_manifest, toy, pictures=False).answers:
        assert base64.b64decode(answer.scores) == bytes(729)
        assert answer.box == 0


def test_predicted_poses_are_stored(toy: VolumeSet, toy_manifest: Manifest) -> None:
    pose = true_pose(toy_manifest)
    for answer in shown(Answers(**pose), toy_manifest, toy, pictures=False).answers:
        assert answer.centre == pose["centres"][answer.section].tolist()
        assert answer.normal == pose["normals"][answer.section].tolist()
        assert answer.rank == 1


def test_failures_are_labelled_sections_with_a_wrong_best_box(toy: VolumeSet, toy_manifest: Manifest) -> None:
    boxes, grid = guessed(toy_manifest).get("boxes"), toy_manifest.grid
    sections, labels = toy_manifest.parts["test"], toy_manifest.parts["test"].labels(toy_manifest.grid)
    ranks, _ = first_correct(boxes, labels.boxes)
    found = shown(Answers(boxes=boxes), toy_manifest, toy).failures
    assert len({failure.section for failure in found}) == FAILURES == 4
    for failure in found:
        row = failure.section
        assert labels.boxes[row].any()
        assert failure.rank == ranks[row] > 1
        assert failure.volume == toy.ids[sections.volume[row]]
        assert failure.box == boxes[row].argmax()
        middle = grid.box_starts[failure.box] + 2.5  # of voxels 0 to 5
        assert failure.distance_voxel == pytest.approx(np.linalg.norm(middle - sections.centres[row]))
        plane = plane_of(toy.volumes[sections.volume[row]], middle, sections.normals[row])
        np.testing.assert_array_equal(picture(failure.answered), grey(plane))
        assert picture(failure.pixels).shape == (4, 4)
        assert picture(failure.there).shape == picture(failure.answered).shape == (20, 20)


def test_common_failures_recur_in_every_run(toy: VolumeSet, toy_manifest: Manifest) -> None:
    one, other = (
        {f.section for f in shown(guessed(toy_manifest, seed), toy_manifest, toy).failures} for seed in (0, 1)
    )  # random scores locate almost no section
    assert len(one & other) >= 3


@pytest.mark.parametrize("scale", [1, 2])
def test_the_middle_of_the_true_plane_equals_the_section_if_nothing_is_rounded(scale: int) -> None:
    volumes = volume_set((1, 1, 2), textured(4, 20 * scale))
    manifest = make_manifest(Curated.of(volumes), AtomBoard("easy", "none", scale))  # normals along the axes
    middle = slice(8 * scale, 12 * scale)
    found = shown(guessed(manifest), manifest, volumes).failures
    assert len(found) == FAILURES
    for failure in found:
        np.testing.assert_array_equal(picture(failure.there)[middle, middle], picture(failure.pixels))
    assert len({failure.there for failure in found}) > 1


def test_a_correct_pose_shows_the_true_plane_twice(toy: VolumeSet, toy_manifest: Manifest) -> None:
    """Boxes define failures; the pose of a failure may still be correct."""
    for failure in shown(Answers(**guessed(toy_manifest).arrays, **true_pose(toy_manifest)), toy_manifest, toy).failures:
        assert failure.there == failure.answered
        assert failure.distance_voxel == 0


def test_a_plane_is_oriented_like_a_section_and_zero_outside_the_volume() -> None:
    i, j, k = np.meshgrid(*(np.arange(20.0),) * 3, indexing="ij")
    volume = (i / 32 + j / 64 + k / 128).astype(np.float32)  # linear, so interpolation is exact
    found = plane_of(volume, np.array([10.0, 11.5, 9.25]), np.array([0.0, 0.0, 2.0]))
    a, b = np.meshgrid(np.arange(-10, 10), np.arange(-10, 10))  # columns a, rows b
    expected = (10 + a) / 32 + (11.5 + b) / 64 + 9.25 / 128
    inside = 11.5 + b <= 19
    np.testing.assert_allclose(found[inside], expected[inside], atol=1e-6)
    assert (found[~inside] == 0).all()


def test_planes_of_extreme_poses_are_black(toy: VolumeSet, toy_manifest: Manifest) -> None:
    pose = true_pose(toy_manifest)
    far = Answers(centres=pose["centres"] - 1e308, normals=pose["normals"])
    for failure in shown(far, toy_manifest, toy).failures:
        assert not picture(failure.answered).any()
        assert Failure.model_validate_json(failure.model_dump_json()) == failure


def test_details_are_reproducible(toy: VolumeSet, toy_manifest: Manifest) -> None:
    one, again = (shown(guessed(toy_manifest), toy_manifest, toy) for _ in range(2))
    for name in ("answers", "failures"):
        assert [part.model_dump_json() for part in getattr(one, name)] == [
            part.model_dump_json() for part in getattr(again, name)
        ]


def test_there_are_no_pictures_unless_requested_and_no_details_of_secret_boards(toy: VolumeSet, toy_manifest: Manifest) -> None:
    without = shown(guessed(toy_manifest), toy_manifest, toy, pictures=False)
    assert without.failures == []
    assert without.answers
    hidden = shown(guessed(toy_manifest), replace(toy_manifest, gathering="hard-secret"), toy)
    assert hidden.answers == hidden.failures == []


def test_a_perfect_run_has_no_failures(toy: VolumeSet, toy_manifest: Manifest) -> None:
    assert shown(Answers(**true_pose(toy_manifest)), toy_manifest, toy).failures == []
