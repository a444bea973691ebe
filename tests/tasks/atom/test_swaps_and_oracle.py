from pathlib import Path

import numpy as np
import pytest

from atombench.engine.answers import in_manifest_order
from atombench.engine.contract import Predictions, Resources, make_training
from atombench.engine.registry import build
from atombench.engine.swaps import SWAPS, answer_swapped, best_boxes, load_swaps, save_swaps, swapped
from atombench.errors import DataError
from atombench.tasks.atom.evaluate import evaluate
from atombench.tasks.atom.manifest import Manifest, make_manifest
from atombench.tasks.atom.queries import make_queries, query_labels, query_order
from atombench.volumes.volume_set import VolumeSet
from tests.conftest import volume_set

SMALL = {"steps": 2, "batch_volumes": 2, "batch_sections": 4, "validations": 1, "val_sections": 32}
SEES = {
    "regismcan-released": (False, True), "regismcan": (True, True), "section-only": (False, True), "volume-only": (True, False),
}  # fmt: skip


def test_every_case_gets_the_input_of_another_volume(toy: VolumeSet, toy_manifest: Manifest) -> None:
    queries = make_queries(toy, toy_manifest)
    volumes, sections = (swapped(queries, swap) for swap in SWAPS)
    assert not (volumes.volumes == queries.volumes).all(axis=(1, 2, 3)).any()
    assert sorted(map(np.sum, volumes.volumes)) == sorted(map(np.sum, queries.volumes))
    np.testing.assert_array_equal(volumes.pixels, queries.pixels)
    moved = np.roll(queries.volume_index, len(queries) // 2)
    assert (moved != queries.volume_index).all()
    np.testing.assert_array_equal(sections.pixels, np.roll(queries.pixels, len(queries) // 2, axis=0))
    np.testing.assert_array_equal(sections.volumes, queries.volumes)


def test_one_volume_cannot_be_exchanged() -> None:
    volumes = volume_set((3, 1, 1))
    queries = make_queries(volumes, make_manifest(volumes, "easy", "none", 1))
    with pytest.raises(DataError, match="at least two"):
        swapped(queries, "volume-swap")
    assert answer_swapped(build("random", {}), {}, queries, Resources(seed=1)) == {}


@pytest.mark.parametrize("name", SEES)
def test_methods_answer_differently_exactly_where_they_see(name: str, toy: VolumeSet, toy_manifest: Manifest) -> None:
    method, resources = build(name, SMALL), Resources(seed=1)
    weights = method.fit(make_training(toy, toy_manifest), resources)
    queries = make_queries(toy, toy_manifest)
    before = method.predict(weights, queries, resources).boxes
    for swap, sees in zip(SWAPS, SEES[name], strict=True):
        after = method.predict(weights, swapped(queries, swap), resources).boxes
        assert (not np.array_equal(before, after)) == sees


def test_best_boxes_are_a_stable_sort_and_survive_their_file(toy: VolumeSet, toy_manifest: Manifest, tmp_path: Path) -> None:
    queries, order = make_queries(toy, toy_manifest), query_order(toy_manifest)
    scores = np.random.default_rng(0).integers(0, 5, (len(queries), 729)).astype(np.float32)
    best = best_boxes(Predictions(boxes=scores), queries)
    for row in (0, 7, 100):
        assert list(best[row]) == sorted(range(729), key=lambda box: (-scores[row, box], box))[:10]
    save_swaps(tmp_path / "s.parquet", {"volume-swap": best}, order, {"manifest": "a"})
    found = load_swaps(tmp_path / "s.parquet", {"manifest": "a"}, len(queries))
    np.testing.assert_array_equal(found["volume-swap"][order], best)
    with pytest.raises(DataError, match="comes from manifest a, expected b"):
        load_swaps(tmp_path / "s.parquet", {"manifest": "b"}, len(queries))


def test_swapped_answers_are_scored_like_others(toy: VolumeSet, toy_manifest: Manifest) -> None:
    """The same answers, given as if to exchanged inputs, score the same."""
    scores = np.random.default_rng(1).random((toy_manifest.counts["test"], 729)).astype(np.float32)
    answers = Predictions(boxes=scores)
    best = best_boxes(answers, make_queries(toy, toy_manifest))
    metrics = {(m.protocol, m.metric): m for m in evaluate(answers, toy_manifest, toy, {"volume-swap": best})}
    for k in (1, 5, 10):
        own, exchanged = (metrics[protocol, f"fine_recall@{k}"] for protocol in ("strict", "volume-swap"))
        assert (own.value, own.ci_low, own.ci_high, own.chance) == (
            exchanged.value, exchanged.ci_low, exchanged.ci_high, exchanged.chance,
        )  # fmt: skip


def test_the_oracle_finds_the_block_and_knows_nothing_inside(toy: VolumeSet, toy_manifest: Manifest) -> None:
    labels = query_labels(toy_manifest)
    answers = build("oracle-coarse", {}).predict_knowing(labels, Resources(seed=1))
    metrics = {
        (m.protocol, m.metric): m for m in evaluate(in_manifest_order(answers, query_order(toy_manifest)), toy_manifest, toy)
    }
    found = metrics["strict", "coarse_recall@1"]
    assert found.value == 1
    assert metrics["published", "high@5"].value == pytest.approx(labels.coarse.any(axis=1).mean())
    labelled = labels.boxes.any(axis=1)
    inside = labels.boxes[labelled].sum(axis=1) / (27 * labels.coarse[labelled].sum(axis=1))
    assert metrics["strict", "fine_recall@1"].value == pytest.approx(inside.mean(), abs=0.05)
