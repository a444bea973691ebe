from pathlib import Path

import numpy as np
import pytest

from atombench.engine.answers import Answers
from atombench.engine.contract import Resources
from atombench.engine.exchanges import answer_exchanged, load_exchanged, save_exchanged
from atombench.errors import DataError
from atombench.records.metric import exchange_protocol
from atombench.tasks.atom.manifest import Manifest, make_manifest
from atombench.tasks.atom.queries import best_boxes, exchange, make_queries, query_labels, query_order
from atombench.tasks.atom.task import ATOM
from atombench.tasks.atom.training import make_training
from atombench.tasks.evaluate import evaluate
from atombench.volumes.curated import Curated
from tests.conftest import volume_set

INPUTS = ATOM.inputs
SMALL = {"steps": 2, "batch_volumes": 2, "batch_sections": 4, "validations": 1, "val_sections": 32}
SEES = {
    "regismcan-released": (False, True),
    "regismcan": (True, True),
    "section-only": (False, True),
    "volume-only": (True, False),
}


def test_every_query_receives_the_input_of_another_volume(toy_data: Curated, toy_manifest: Manifest) -> None:
    queries = make_queries(toy_data, toy_manifest)
    volumes, sections = (exchange(queries, name) for name in INPUTS)
    assert not (volumes.volumes == queries.volumes).all(axis=(1, 2, 3)).any()
    assert sorted(map(np.sum, volumes.volumes)) == sorted(map(np.sum, queries.volumes))
    np.testing.assert_array_equal(volumes.pixels, queries.pixels)
    moved = np.roll(queries.volume_index, len(queries) // 2)
    assert (moved != queries.volume_index).all()
    np.testing.assert_array_equal(sections.pixels, np.roll(queries.pixels, len(queries) // 2, axis=0))
    np.testing.assert_array_equal(sections.volumes, queries.volumes)


def test_a_single_volume_cannot_be_exchanged() -> None:
    data = Curated.of(volume_set((3, 1, 1)))
    queries = make_queries(data, make_manifest(data.index, "easy", "none", 1))
    assert [exchange(queries, name) for name in INPUTS] == [None, None]
    assert answer_exchanged(ATOM, ATOM.registry.build("random", {}), {}, queries, Resources(seed=1)) == {}


def test_an_unknown_input_is_rejected(toy_data: Curated, toy_manifest: Manifest) -> None:
    with pytest.raises(ValueError, match=r"expected an input of .*, got 'colour'"):
        exchange(make_queries(toy_data, toy_manifest), "colour")


@pytest.mark.parametrize("name", SEES)
def test_answers_change_only_if_the_method_sees_the_exchanged_input(
    name: str, toy_data: Curated, toy_manifest: Manifest
) -> None:
    method, resources = ATOM.registry.build(name, SMALL), Resources(seed=1)
    weights = method.fit(make_training(toy_data, toy_manifest), resources)
    queries = make_queries(toy_data, toy_manifest)
    before = method.predict(weights, queries, resources).get("boxes")
    for name_of_input, sees in zip(INPUTS, SEES[name], strict=True):
        after = method.predict(weights, exchange(queries, name_of_input), resources).get("boxes")
        assert (not np.array_equal(before, after)) == sees


def test_best_boxes_equal_a_stable_sort_and_are_restored_from_file(
    toy_data: Curated, toy_manifest: Manifest, tmp_path: Path
) -> None:
    queries, order = make_queries(toy_data, toy_manifest), query_order(toy_manifest)
    scores = np.random.default_rng(0).integers(0, 5, (len(queries), 729)).astype(np.float32)
    kept = best_boxes(Answers(boxes=scores), queries)
    best = kept.get("best")
    for row in (0, 7, 100):
        assert list(best[row]) == sorted(range(729), key=lambda box: (-scores[row, box], box))[:10]
    path, swap = tmp_path / "s.parquet", exchange_protocol("volume")
    save_exchanged(path, {swap: kept.in_manifest_order(order)}, {"manifest": "a"}, len(queries))
    found = load_exchanged(path, ATOM, {"manifest": "a"}, len(queries))
    assert list(found) == ["volume-swap"]
    np.testing.assert_array_equal(found[swap].get("best")[order], best)
    with pytest.raises(DataError, match="was computed with manifest a, expected b"):
        load_exchanged(path, ATOM, {"manifest": "b"}, len(queries))


def test_answers_to_exchanged_inputs_are_scored_like_other_answers(toy_data: Curated, toy_manifest: Manifest) -> None:
    """Equal answers to original and exchanged inputs have equal scores."""
    scores = np.random.default_rng(1).random((toy_manifest.counts["test"], 729)).astype(np.float32)
    answers = Answers(boxes=scores)
    kept = best_boxes(answers, make_queries(toy_data, toy_manifest))
    found = evaluate(ATOM, answers, toy_data, toy_manifest, {"volume-swap": kept})
    metrics = {(m.protocol, m.metric): m for m in found.metrics}
    for k in (1, 5, 10):
        own, exchanged = (metrics[protocol, f"fine_recall@{k}"] for protocol in ("strict", "volume-swap"))
        assert (own.value, own.ci_low, own.ci_high, own.chance) == (
            exchanged.value,
            exchanged.ci_low,
            exchanged.ci_high,
            exchanged.chance,
        )


def test_the_oracle_knows_the_block_but_not_the_box(toy_data: Curated, toy_manifest: Manifest) -> None:
    labels = query_labels(toy_data, toy_manifest)
    answers = ATOM.registry.build("oracle-coarse", {}).predict_knowing(labels, Resources(seed=1))
    ordered = answers.in_manifest_order(query_order(toy_manifest))
    metrics = {(m.protocol, m.metric): m for m in evaluate(ATOM, ordered, toy_data, toy_manifest).metrics}
    found = metrics["strict", "coarse_recall@1"]
    assert found.value == 1
    assert metrics["published", "high@5"].value == pytest.approx(labels.coarse.any(axis=1).mean())
    labelled = labels.boxes.any(axis=1)
    inside = labels.boxes[labelled].sum(axis=1) / (27 * labels.coarse[labelled].sum(axis=1))
    assert metrics["strict", "fine_recall@1"].value == pytest.approx(inside.mean(), abs=0.05)
