import pytest

from atombench.engine.contract import Resources
from atombench.tasks.atom.manifest import Manifest
from atombench.tasks.atom.queries import query_labels, query_order
from atombench.tasks.atom.task import ATOM
from atombench.tasks.evaluate import evaluate
from atombench.volumes.curated import Curated


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
