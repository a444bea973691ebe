"""What a board shows of a run section by section: answers to the cases, and pictures of failures."""

import base64
import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from atombench.engine.contract import Predictions
from atombench.io.images import grey
from atombench.records.record import Failure
from atombench.tasks.atom.cases import case_rows
from atombench.tasks.atom.evaluate import Details, details
from atombench.tasks.atom.manifest import Manifest, make_manifest
from atombench.tasks.atom.ranking import first_correct
from atombench.tasks.atom.shown import FAILURES, plane_of
from atombench.volumes.volume_set import VolumeSet
from tests.conftest import textured, volume_set


def guessed(manifest: Manifest, seed: int = 0) -> Predictions:
    return Predictions(boxes=np.random.default_rng(seed).random((manifest.counts["test"], 729)).astype(np.float32))


def true_pose(manifest: Manifest) -> dict[str, np.ndarray]:
    sections = manifest.parts["test"]
    return {"centres": sections.centres.astype(float), "normals": sections.normals}


def picture(text: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(text))))


def shown(predictions: Predictions, manifest: Manifest, volumes: VolumeSet) -> Details:
    return details(predictions, manifest, volumes, pictures=True)


def test_answers_are_those_to_the_cases_with_their_ranks_and_scores(toy: VolumeSet, toy_manifest: Manifest) -> None:
    predictions, labels = guessed(toy_manifest), toy_manifest.parts["test"].labels(toy_manifest.grid)
    found = details(predictions, toy_manifest, toy).answers
    assert [answer.section for answer in found] == case_rows(toy_manifest, labels).tolist()
    for answer in found:
        scores = predictions.boxes[answer.section].astype(float)
        order = sorted(range(729), key=lambda box, s=scores: (-s[box], box))
        assert answer.box == order[0]
        assert answer.rank == next(r for r, box in enumerate(order, 1) if labels.boxes[answer.section, box])
        expected = np.rint(255 * (scores - scores.min()) / (scores.max() - scores.min()))
        assert list(base64.b64decode(answer.scores)) == expected.tolist()
        assert answer.centre is answer.normal is None


def test_scores_that_are_all_equal_are_shown_as_zeros(toy: VolumeSet, toy_manifest: Manifest) -> None:
    flat = Predictions(boxes=np.full((toy_manifest.counts["test"], 729), 3.5, np.float32))
    for answer in details(flat, toy_manifest, toy).answers:
        assert base64.b64decode(answer.scores) == bytes(729)
        assert answer.box == 0


def test_a_run_that_gives_poses_shows_them(toy: VolumeSet, toy_manifest: Manifest) -> None:
    pose = true_pose(toy_manifest)
    for answer in details(Predictions(**pose), toy_manifest, toy).answers:
        assert answer.centre == pose["centres"][answer.section].tolist()
        assert answer.normal == pose["normals"][answer.section].tolist()
        assert answer.rank == 1


def test_failures_are_labelled_sections_that_were_placed_wrongly(toy: VolumeSet, toy_manifest: Manifest) -> None:
    predictions, grid = guessed(toy_manifest), toy_manifest.grid
    sections, labels = toy_manifest.parts["test"], toy_manifest.parts["test"].labels(toy_manifest.grid)
    ranks, _ = first_correct(predictions.boxes, labels.boxes)
    found = shown(predictions, toy_manifest, toy).failures
    assert len({failure.section for failure in found}) == FAILURES == 4
    for failure in found:
        row = failure.section
        assert labels.boxes[row].any()
        assert failure.rank == ranks[row] > 1
        assert failure.volume == toy.ids[sections.volume[row]]
        assert failure.box == predictions.boxes[row].argmax()
        middle = grid.box_starts[failure.box] + 2.5  # of voxels 0 to 5
        assert failure.distance_voxel == pytest.approx(np.linalg.norm(middle - sections.centres[row]))
        plane = plane_of(toy.volumes[sections.volume[row]], middle, sections.normals[row])
        np.testing.assert_array_equal(picture(failure.answered), grey(plane))
        assert picture(failure.pixels).shape == (4, 4)
        assert picture(failure.there).shape == picture(failure.answered).shape == (20, 20)


def test_hard_sections_come_again_in_every_run(toy: VolumeSet, toy_manifest: Manifest) -> None:
    one, other = (
        {f.section for f in shown(guessed(toy_manifest, seed), toy_manifest, toy).failures} for seed in (0, 1)
    )  # random scores place next to nothing rightly
    assert len(one & other) >= 3


@pytest.mark.parametrize("scale", [1, 2])
def test_the_middle_of_the_true_plane_is_the_section_where_nothing_is_rounded(scale: int) -> None:
    volumes = volume_set((1, 1, 2), textured(4, 20 * scale))
    manifest = make_manifest(volumes, "easy", "none", scale)  # normals along the axes
    middle = slice(8 * scale, 12 * scale)
    found = shown(guessed(manifest), manifest, volumes).failures
    assert len(found) == FAILURES
    for failure in found:
        np.testing.assert_array_equal(picture(failure.there)[middle, middle], picture(failure.pixels))
    assert len({failure.there for failure in found}) > 1


def test_a_pose_that_is_right_shows_the_same_plane_twice(toy: VolumeSet, toy_manifest: Manifest) -> None:
    """Boxes decide what a failure is; the pose beside them may be right all the same."""
    for failure in shown(replace(guessed(toy_manifest), **true_pose(toy_manifest)), toy_manifest, toy).failures:
        assert failure.there == failure.answered
        assert failure.distance_voxel == 0


def test_a_plane_is_cut_like_a_section_and_is_dark_outside() -> None:
    i, j, k = np.meshgrid(*(np.arange(20.0),) * 3, indexing="ij")
    volume = (i / 32 + j / 64 + k / 128).astype(np.float32)  # linear, so interpolation is exact
    found = plane_of(volume, np.array([10.0, 11.5, 9.25]), np.array([0.0, 0.0, 2.0]))
    a, b = np.meshgrid(np.arange(-10, 10), np.arange(-10, 10))  # columns a, rows b
    expected = (10 + a) / 32 + (11.5 + b) / 64 + 9.25 / 128
    inside = 11.5 + b <= 19
    np.testing.assert_allclose(found[inside], expected[inside], atol=1e-6)
    assert (found[~inside] == 0).all()


def test_poses_beyond_all_bounds_are_shown_as_darkness(toy: VolumeSet, toy_manifest: Manifest) -> None:
    pose = true_pose(toy_manifest)
    far = Predictions(centres=pose["centres"] - 1e308, normals=pose["normals"])
    for failure in shown(far, toy_manifest, toy).failures:
        assert not picture(failure.answered).any()
        assert Failure.model_validate_json(failure.model_dump_json()) == failure


def test_the_same_answers_show_the_same_bytes(toy: VolumeSet, toy_manifest: Manifest) -> None:
    one, again = (shown(guessed(toy_manifest), toy_manifest, toy) for _ in range(2))
    for name in ("answers", "failures"):
        assert [part.model_dump_json() for part in getattr(one, name)] == [
            part.model_dump_json() for part in getattr(again, name)
        ]


def test_no_pictures_unless_they_are_asked_for_and_nothing_of_secret_boards(toy: VolumeSet, toy_manifest: Manifest) -> None:
    unasked = details(guessed(toy_manifest), toy_manifest, toy)
    assert unasked.failures == []
    assert unasked.answers
    hidden = shown(guessed(toy_manifest), replace(toy_manifest, gathering="hard-secret"), toy)
    assert hidden.answers == hidden.failures == []


def test_a_perfect_run_has_no_failures(toy: VolumeSet, toy_manifest: Manifest) -> None:
    assert shown(Predictions(**true_pose(toy_manifest)), toy_manifest, toy).failures == []
