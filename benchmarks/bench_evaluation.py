"""Scoring 100 000 answers with 2000 resamples of every metric and stratum, against a naive loop: seconds and the ratio."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from atombench.tasks.atom.board import AtomBoard

sys.path.insert(0, str(Path(__file__).parents[1]))

from atombench.engine.answers import Answers
from atombench.statistics.bootstrap import RESAMPLES, bootstrap_weights
from atombench.tasks.atom.manifest import Manifest, make_manifest
from atombench.tasks.atom.task import ATOM
from atombench.tasks.evaluate import evaluate
from atombench.volumes.curated import Curated
from benchmarks.timing import REPEATS, median_seconds
from tests.conftest import volume_set
from tests.tasks.atom.test_metrics import naive

VOLUMES, FEW = 596, 3  # 168 sections each


def case(volumes: int) -> tuple[Answers, Manifest, Curated]:
    """Return random answers with poses and probabilities, and their manifest and data."""
    rng = np.random.default_rng(0)
    data = Curated.of(volume_set((1, 1, volumes), np.zeros((volumes + 2, 20, 20, 20), np.float32)))
    manifest = make_manifest(data, AtomBoard("hard", "none", 1))
    test = manifest.parts["test"]
    answers = Answers(
        boxes=rng.random((len(test), 729)).astype(np.float32),
        probabilities=True,
        normals=test.normals,
        centres=test.centres + rng.normal(size=(len(test), 3)),
    )
    return answers, manifest, data


def slowly(answers: Answers, manifest: Manifest) -> dict[str, float]:
    """Compute metrics with sorts and loops, then loop over resamples for the confidence interval of one metric."""
    expected = naive(np.asarray(answers.get("boxes")), manifest.parts["test"].labels(manifest.grid))
    weights, hits = bootstrap_weights(len(manifest.volume_rows("test"))), np.ones(len(manifest.parts["test"]))
    volume = np.unique(manifest.parts["test"].volume, return_inverse=True)[1]
    for drawn in weights[: RESAMPLES // 10]:
        _ = sum(drawn[v] * h for v, h in zip(volume, hits, strict=True)) / sum(drawn[v] for v in volume)
    return expected


def main() -> None:
    answers, manifest, data = case(VOLUMES)
    few, small, few_data = case(FEW)
    expected = slowly(few, small)
    found = {f"{m.protocol} {m.metric}": m.value for m in evaluate(ATOM, few, few_data, small).metrics}
    assert all(abs(found[name] - value) < 1e-12 for name, value in expected.items())
    bootstrap_weights.cache_clear()
    fast = median_seconds(lambda: evaluate(ATOM, answers, data, manifest))
    slow = median_seconds(lambda: slowly(few, small)) * VOLUMES / FEW
    count = manifest.counts["test"]
    print(f"{count:,} predictions, {RESAMPLES} resamples, {len(found)} metrics: {fast:.2f} s (median of {REPEATS})")
    print(f"naive loop over a tenth of the resamples of one metric: {slow:.0f} s; ratio: {slow / fast:.0f}")


main()
