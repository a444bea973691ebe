"""Cases: a few sections with a correct box from different volumes, chosen deterministically."""

from dataclasses import replace

import numpy as np
import pytest

from atombench import streams
from atombench.tasks.atom.board import AtomBoard
from atombench.tasks.atom.cases import CASES, case_rows
from atombench.tasks.atom.labels import Labels
from atombench.tasks.atom.manifest import Manifest, make_manifest
from atombench.volumes.curated import Curated
from tests.conftest import volume_set


def drawn(manifest: Manifest) -> np.ndarray:
    return case_rows(manifest, manifest.parts["test"].labels(manifest.grid))


@pytest.mark.parametrize(("volumes", "different"), [(1, 1), (4, 4), (6, 6), (9, 6)])
@pytest.mark.parametrize("gathering", ["hard", "uniform"])
def test_cases_have_a_correct_box_and_come_from_as_many_volumes_as_possible(
    gathering: str, volumes: int, different: int
) -> None:
    manifest = make_manifest(Curated.of(volume_set((1, 1, volumes))), AtomBoard(gathering, "none", 1))
    rows, sections = drawn(manifest), manifest.parts["test"]
    assert len(rows) == CASES == 6
    assert (np.diff(rows) > 0).all()
    assert sections.labels(manifest.grid).boxes[rows].any(axis=1).all()
    assert len(np.unique(sections.volume[rows])) == different


def test_cases_equal_a_loop_over_the_keyed_order(toy_manifest: Manifest) -> None:
    sections = toy_manifest.parts["test"]
    labelled = sections.labels(toy_manifest.grid).boxes.any(axis=1)
    order = [row for row in streams.permutation(len(sections), "cases", toy_manifest.digest) if labelled[row]]
    firsts: dict[int, int] = {}
    for row in order:
        firsts.setdefault(int(sections.volume[row]), int(row))
    chosen = list(firsts.values())
    chosen += [int(row) for row in order if row not in chosen]
    assert drawn(toy_manifest).tolist() == sorted(chosen[:CASES])


def test_cases_depend_only_on_the_board(toy_manifest: Manifest) -> None:
    other = make_manifest(Curated.of(volume_set((6, 3, 4), name="other")), AtomBoard("hard", "none", 1))
    assert drawn(toy_manifest).tolist() == drawn(replace(toy_manifest)).tolist() != drawn(other).tolist()


def test_a_secret_board_has_no_cases(toy_manifest: Manifest) -> None:
    assert drawn(replace(toy_manifest, gathering="hard-secret")).tolist() == []


def test_fewer_labelled_sections_yield_fewer_cases(toy_manifest: Manifest) -> None:
    count = toy_manifest.counts["test"]
    fine = np.zeros((count, 27, 27), dtype=bool)
    assert case_rows(toy_manifest, Labels(fine.any(axis=2), fine)).tolist() == []
    fine[[3, 200], 5, 5] = True
    assert case_rows(toy_manifest, Labels(fine.any(axis=2), fine)).tolist() == [3, 200]
