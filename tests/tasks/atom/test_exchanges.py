"""Exchanged cases are mixed with the queries so that nothing tells them apart, and scored against their own labels."""

from pathlib import Path

import numpy as np
import pytest

from atombench.engine.answers import Answers
from atombench.engine.contract import Resources
from atombench.engine.exchanges import TRUE, load_exchanged, save_exchanged, split_answers
from atombench.errors import DataError
from atombench.records.metric import SHIFT
from atombench.tasks.atom import exchanges
from atombench.tasks.atom.board import AtomBoard
from atombench.tasks.atom.exchanges import SECTION_SWAP, VOLUME_SWAP, best_boxes, mix, moved
from atombench.tasks.atom.manifest import Manifest, make_manifest
from atombench.tasks.atom.queries import make_queries, query_order
from atombench.tasks.atom.sections import cut
from atombench.tasks.atom.shifts import volume_shifts
from atombench.tasks.atom.task import ATOM
from atombench.tasks.atom.training import make_training
from atombench.tasks.evaluate import evaluate
from atombench.volumes.curated import Curated
from tests.conftest import textured, volume_set

SMALL = {"steps": 6, "batch_volumes": 2, "batch_sections": 4, "validations": 1, "val_sections": 32, "learning_rate": 0.02}
SEES = {
    "regismcan-released": (False, True),
    "regismcan": (True, True),
    "section-only": (False, True),
    "volume-only": (True, False),
}


def test_each_case_shows_what_its_exchange_says(toy_data: Curated, toy_manifest: Manifest) -> None:
    queries = make_queries(toy_data, toy_manifest)
    mixed = mix(queries, toy_manifest)
    count, shifts = len(queries), volume_shifts(toy_manifest)
    assert {name: len(rows) for name, rows in mixed.rows.items()} == dict.fromkeys(mixed.rows, count)
    assert sorted(np.concatenate(list(mixed.rows.values()))) == list(range(4 * count))

    def shown(name: str) -> tuple[np.ndarray, np.ndarray]:
        rows = mixed.rows[name]
        return mixed.queries.volumes[mixed.queries.volume_index[rows]], mixed.queries.pixels[rows]

    own = queries.volumes[queries.volume_index]
    volumes, pixels = shown(TRUE)
    np.testing.assert_array_equal(volumes, own)
    np.testing.assert_array_equal(pixels, queries.pixels)
    volumes, pixels = shown(SHIFT)
    expected = np.stack([moved(volume, shift) for volume, shift in zip(queries.volumes, shifts, strict=True)])
    np.testing.assert_array_equal(volumes, expected[queries.volume_index[mixed.asked[SHIFT]]])
    np.testing.assert_array_equal(pixels, queries.pixels[mixed.asked[SHIFT]])
    volumes, pixels = shown(SECTION_SWAP)
    np.testing.assert_array_equal(volumes, own[mixed.asked[SECTION_SWAP]])
    np.testing.assert_array_equal(pixels, np.roll(queries.pixels, -(count // 2), axis=0)[mixed.asked[SECTION_SWAP]])
    volumes, pixels = shown(VOLUME_SWAP)
    np.testing.assert_array_equal(pixels, queries.pixels[mixed.asked[VOLUME_SWAP]])
    either = [*queries.volumes, *expected]
    for volume, asked in zip(volumes, mixed.asked[VOLUME_SWAP], strict=True):
        (host,) = (number for number, other in enumerate(either) if np.array_equal(volume, other))
        assert host % len(queries.volumes) != queries.volume_index[asked]


@pytest.mark.parametrize("most", [3000, 300, 20])
def test_volumes_are_searched_equally_often_whether_moved_or_not(
    most: int, toy_data: Curated, toy_manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchanges, "MOST_EXCHANGED", most)
    queries = make_queries(toy_data, toy_manifest)
    mixed = mix(queries, toy_manifest)
    cases = np.bincount(mixed.queries.volume_index)
    assert len(cases) == len(mixed.queries.volumes)
    if most > 20:
        assert np.ptp(cases) <= 2
    assert (np.diff(mixed.queries.volume_index) >= 0).all()
    assert len(mixed.rows[VOLUME_SWAP]) == min(most, len(queries))


def test_the_order_of_the_cases_depends_on_the_key(toy_data: Curated, toy_manifest: Manifest) -> None:
    queries = make_queries(toy_data, toy_manifest)
    first, again, other = (mix(queries, toy_manifest, key).rows[TRUE] for key in ("a", "a", "b"))
    assert (first == again).all()
    assert (first != other).mean() > 0.9


def test_a_moved_volume_shows_moved_sections(toy_data: Curated, toy_manifest: Manifest) -> None:
    """A section cut at the moved place of a moved volume equals the original, where both lie inside."""
    volume, grid = textured(1)[0], toy_manifest.grid
    shift = np.array([3, -3, 3])
    sections = toy_manifest.parts["test"]
    points = sections.points(grid)
    inside = np.logical_and.reduce([((at >= 0) & (at < 20)).all(axis=(1, 2)) for at in (points, points + shift[:, None])])
    index = np.zeros(inside.sum(), dtype=np.int64)
    before = cut(volume[None], index, points[inside], grid)
    after = cut(moved(volume, shift)[None], index, points[inside] + shift[:, None].astype(points.dtype), grid)
    assert inside.sum() > 50
    np.testing.assert_array_equal(before, after)


def test_a_search_follows_moved_volumes_and_a_recitation_does_not(
    toy_data: Curated, toy_manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The search finds each section where it is; a table of true labels answers with the old place."""
    monkeypatch.setattr(exchanges, "MOST_EXCHANGED", 100)
    queries, order = make_queries(toy_data, toy_manifest), query_order(toy_manifest)
    mixed = mix(queries, toy_manifest)
    found = ATOM.registry.build("exhaustive", {}).predict({}, mixed.queries, Resources(seed=1))
    table = np.zeros((len(mixed), 729), np.float32)
    correct = toy_manifest.parts["test"].labels(toy_manifest.grid).boxes[order]
    for name, rows in mixed.rows.items():
        table[rows] = correct[mixed.asked[name]]
    scores = {}
    for method, answers in {"search": found, "table": Answers(boxes=table)}.items():
        own, kept = split_answers(ATOM, answers, mixed, order)
        record = evaluate(ATOM, own, toy_data, toy_manifest, kept)
        scores[method] = {(metric.protocol, metric.metric): metric.value for metric in record.metrics}
    assert scores["table"][SHIFT, "own_fine_recall@1"] == 1.0
    assert scores["table"][SHIFT, "fine_recall@1"] == 0.0
    assert scores["table"][VOLUME_SWAP, "fine_recall@1"] == 1.0  # blind: the same answer for any volume
    assert scores["search"][SHIFT, "fine_recall@1"] > 0.95
    assert scores["search"][VOLUME_SWAP, "fine_recall@1"] < 0.2


def test_a_single_volume_cannot_be_exchanged() -> None:
    data = Curated.of(volume_set((3, 1, 1)))
    manifest = make_manifest(data, AtomBoard("easy", "none", 1))
    queries = make_queries(data, manifest)
    mixed = mix(queries, manifest)
    assert mixed.queries is queries
    assert list(mixed.rows) == [TRUE]


@pytest.mark.parametrize("name", SEES)
def test_answers_change_only_if_the_method_sees_the_exchanged_input(
    name: str, toy_data: Curated, toy_manifest: Manifest
) -> None:
    method, resources = ATOM.registry.build(name, SMALL), Resources(seed=1)
    weights = method.fit(make_training(toy_data, toy_manifest), resources)
    mixed = mix(make_queries(toy_data, toy_manifest), toy_manifest)
    boxes = method.predict(weights, mixed.queries, resources).get("boxes")
    own = boxes[mixed.rows[TRUE]]
    for exchange, sees in zip((VOLUME_SWAP, SECTION_SWAP), SEES[name], strict=True):
        other = boxes[mixed.rows[exchange]]
        change, spread = np.abs(own[mixed.asked[exchange]] - other).max(), np.ptp(own)
        assert (change > 1e-6 * spread) == sees, (exchange, change, spread)


def test_best_boxes_equal_a_stable_sort_and_are_restored_from_file(
    toy_data: Curated, toy_manifest: Manifest, tmp_path: Path
) -> None:
    queries, order = make_queries(toy_data, toy_manifest), query_order(toy_manifest)
    mixed = mix(queries, toy_manifest)
    scores = np.random.default_rng(0).integers(0, 5, (4 * len(queries), 729)).astype(np.float32)
    best = best_boxes(Answers(boxes=scores), queries).get("best")
    for row in (0, 7, 100):
        assert list(best[row]) == sorted(range(729), key=lambda box: (-scores[row, box], box))[:10]
    own, kept = split_answers(ATOM, Answers(boxes=scores), mixed, order)
    np.testing.assert_array_equal(own.get("boxes")[order], scores[mixed.rows[TRUE]])
    path = tmp_path / "s.parquet"
    save_exchanged(path, kept, {"manifest": "a"})
    found = load_exchanged(path, ATOM, {"manifest": "a"}, len(queries))
    assert set(found) == {SHIFT, VOLUME_SWAP, SECTION_SWAP}
    for name, exchanged in found.items():
        np.testing.assert_array_equal(exchanged.asked, order[mixed.asked[name]])
        np.testing.assert_array_equal(exchanged.answers.get("best"), best[mixed.rows[name]])
    with pytest.raises(DataError, match="was computed with manifest a, expected b"):
        load_exchanged(path, ATOM, {"manifest": "b"}, len(queries))
    with pytest.raises(DataError, match="must ask about different queries from 0 to 99"):
        load_exchanged(path, ATOM, {"manifest": "a"}, 100)


def test_a_method_that_failed_has_no_exchanged_answers(tmp_path: Path) -> None:
    save_exchanged(tmp_path / "s.parquet", {}, {"manifest": "a"})
    assert load_exchanged(tmp_path / "s.parquet", ATOM, {"manifest": "a"}, 10) == {}
