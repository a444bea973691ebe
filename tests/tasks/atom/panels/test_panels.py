import json

import numpy as np

from atombench.board.board_page import chance_of
from atombench.tasks.atom.audit import audit, cases_of
from atombench.tasks.atom.board import AtomBoard
from atombench.tasks.atom.geometry import BlockGrid
from atombench.tasks.atom.manifest import make_manifest
from atombench.tasks.atom.panels import PANELS
from atombench.tasks.atom.panels.pictures import case_picture, corners_of, pixels_of
from atombench.tasks.atom.shown import Shown
from atombench.volumes.curated import Curated
from tests.board.made import rows_of
from tests.conftest import textured, volume_set
from tests.records.made import example, full


def test_recall_is_drawn_at_1_5_and_10_beside_chance() -> None:
    rows = rows_of(full("regismcan", 1, 0.3), full("regismcan", 2, 0.5), full("constant", 1, 0.1, role="control"))
    (figure,) = PANELS.figures(rows[:-1], chance_of(rows))
    drawn = {trace["name"]: trace for trace in json.loads(figure.content)["data"]}
    mine = next(row for row in rows if row.method == "regismcan")
    assert drawn["regismcan"]["x"] == [1, 5, 10]
    assert drawn["regismcan"]["y"] == [mine.numbers["strict", f"fine_recall@{k}"].value for k in (1, 5, 10)]
    assert drawn["chance"]["y"] == [0.01] * 3


def test_cases_of_a_board_with_context_show_the_whole_section_and_the_outline_of_its_core() -> None:
    data = Curated.of(volume_set((3, 2, 2), 0.2 + 0.8 * textured(7, 40)), "cube40-zeroed")
    manifest = make_manifest(data, AtomBoard("tissue", "none", 2, 2))
    cases = cases_of(audit(data, manifest))
    assert len(cases) == 6
    for case in cases:
        assert pixels_of(case.pixels).shape == (16, 16)
        corners = corners_of(case.centre, case.normal, manifest.grid)
        np.testing.assert_allclose(np.linalg.norm(corners[1] - corners[0]), 7)  # 8 pixels of the core
        np.testing.assert_array_equal(corners, corners_of(case.centre, case.normal, BlockGrid(2)))
        assert "the section" in case_picture(case)


def test_failures_are_pictures_and_without_failures_there_is_nothing() -> None:
    record = full("regismcan")
    assert PANELS.failures(record).count("the volume in the plane of the answer") == len(
        Shown.model_validate(record.own).failures
    )
    assert PANELS.failures(example()) == ""


def test_pages_over_all_boards_keep_little_of_a_record_and_nothing_of_submitted_methods() -> None:
    record = full("regismcan")
    small = PANELS.trimmed(record)
    assert small is not None
    assert (small.own, small.curve, small.reliability, small.errors) == ({}, [], [], {})
    assert {metric.metric for metric in small.metrics} == {"fine_recall@1", "high@5", "oracle_low@5"}
    assert PANELS.trimmed(full("sent-in")) is None
    assert PANELS.trimmed(full("a name that no method can have")) is None
