"""Audit of a board's sections, compared with sections cut and counted one at a time."""

import base64
from dataclasses import replace

import numpy as np
import pytest

from atombench.audit.record import BoardFindings
from atombench.errors import DataError
from atombench.tasks.atom.audit import audit, cases_of, parts_of
from atombench.tasks.atom.board import AtomBoard
from atombench.tasks.atom.cases import case_rows
from atombench.tasks.atom.manifest import Manifest, make_manifest
from atombench.volumes.curated import Curated
from tests.conftest import textured, volume_set
from tests.tasks.atom.naive import naive_section


def drawn(
    counts: tuple[int, int, int], array: np.ndarray | None = None, gathering: str = "hard", split: str = "none"
) -> tuple[Curated, Manifest]:
    data = Curated.of(volume_set(counts, array), "cube20")
    return data, make_manifest(data, AtomBoard(gathering, split, 1))


def flagged(findings: BoardFindings) -> set[str]:
    return {line.name for line in findings.lines if line.flagged}


def test_shares_of_a_board_equal_those_counted_one_section_at_a_time() -> None:
    data, manifest = drawn((3, 2, 2), np.where(textured(7) > 0.55, textured(7), 0).astype(np.float32))
    findings, sections, volumes = parts_of(audit(data, manifest))["test"], manifest.parts["test"], data.volumes()
    unlabelled, empty, blank, outside, dark = [], [], [], [], []
    for row in range(len(sections)):
        volume = volumes.volumes[sections.volume[row]]
        pixels, points, _, fine = naive_section(volume, sections.centres[row], sections.normals[row], 1)
        unlabelled.append(not fine.any())
        empty.append((pixels < 0.05).all())
        blank.append(len(set(pixels.ravel())) == 1)
        outside.append(points.min() < 0 or points.max() > 19)
        dark.append((pixels < 0.05).mean())
    assert 0 < np.mean(empty) < 1
    shares = {"unlabelled": unlabelled, "empty": empty, "blank": blank, "outside": outside, "background": dark}
    for name, values in shares.items():
        assert getattr(findings, name) == pytest.approx(np.mean(values)), name


def test_cases_of_a_board_contain_volume_pixels_pose_and_correct_boxes() -> None:
    data, manifest = drawn((3, 2, 4), 1.2 * textured(9) - 0.1)
    volumes, sections, cases = data.volumes(), manifest.parts["test"], cases_of(audit(data, manifest))
    labels = sections.labels(manifest.grid)
    assert [case.section for case in cases] == case_rows(manifest, labels).tolist()
    for case in cases:
        row = case.section
        volume, centre, normal = volumes.volumes[sections.volume[row]], sections.centres[row], sections.normals[row]
        pixels, _, _, fine = naive_section(volume, centre, normal, 1)
        assert case.volume == volumes.ids[sections.volume[row]]
        for text, expected in ((case.voxels, volume), (case.pixels, pixels)):
            assert base64.b64decode(text) == np.rint(255 * np.clip(expected, 0, 1)).astype(np.uint8).tobytes()
        assert (case.centre, case.normal) == (centre.tolist(), normal.tolist())
        assert case.boxes == np.flatnonzero(fine).tolist() != []


def test_restricted_data_and_secret_boards_have_no_cases() -> None:
    data, manifest = drawn((3, 2, 2))
    findings = audit(data, manifest)
    assert len(cases_of(findings)) == 6
    assert findings.redacted() == findings.model_copy(update={"pictures": {}})
    assert cases_of(findings.redacted()) == cases_of(None) == []
    assert cases_of(audit(data, replace(manifest, gathering="hard-secret"))) == []


def test_findings_contain_the_board_and_the_digests_of_manifest_and_data() -> None:
    data, manifest = drawn((3, 2, 2))
    findings = audit(data, manifest)
    assert (findings.board, findings.manifest, findings.data) == (manifest.board, manifest.digest, data.index.digest)
    assert set(findings.numbers) == set(parts_of(findings)) == {"train", "val", "test"}
    test, numbers = parts_of(findings)["test"], findings.numbers["test"]
    assert numbers == {
        **{name: value for name, value in test.model_dump().items() if isinstance(value, int | float)},
        "depths": len(test.depths),
    }


def test_a_manifest_of_other_data_is_rejected() -> None:
    _, manifest = drawn((3, 2, 2))
    other, _ = drawn((3, 2, 2), textured(7, seed=1))
    with pytest.raises(DataError, match="was drawn for volumes"):
        audit(other, manifest)


def test_faults_of_the_released_sampler_are_flagged_and_the_uniform_sampler_has_none() -> None:
    array = textured(65) + 0.1
    released, uniform = (audit(*drawn((40, 5, 20), array, name)) for name in ("hard", "uniform"))
    assert flagged(released) == {
        "positions",
        "depths",
        "positions also in training",
        "depths also in training",
        "normals without a negative component",
        "unlabelled",
        "box frequencies",
    }
    assert flagged(uniform) == set()
    test = parts_of(released)["test"]
    assert (test.positions, test.depths) == (168, [0, 9, 11, 17])
    assert test.positions_in_training == pytest.approx(20 / 168)  # five (i, j) occur in both draws
    assert test.first_octant == test.depths_in_training == 1
    assert 0.2 < parts_of(uniform)["test"].first_octant < 0.3


@pytest.mark.parametrize(("split", "shared"), [("none", (20 / 168, 0)), ("pos", (1, 0)), ("vol", (0, 1))])
def test_split_rules_share_positions_or_volumes_as_documented(split: str, shared: tuple[float, float]) -> None:
    test = parts_of(audit(*drawn((6, 2, 2), gathering="easy", split=split)))["test"]
    assert (test.positions_in_training, test.volumes_in_training) == pytest.approx(shared)
    assert sum(test.place_counts) == sum(test.depth_counts) == test.sections
