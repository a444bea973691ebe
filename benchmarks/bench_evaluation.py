"""Scoring 100 000 predictions with 2000 resamples of every metric, against a naive loop; prints seconds and the ratio."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from atombench.engine.contract import Predictions
from atombench.statistics.bootstrap import RESAMPLES, bootstrap_weights
from atombench.tasks.atom.evaluate import evaluate
from atombench.tasks.atom.manifest import Manifest, make_manifest
from atombench.volumes.volume_set import VolumeSet
from benchmarks.timing import REPEATS, median_seconds
from tests.conftest import volume_set
from tests.tasks.atom.test_metrics import naive

VOLUMES, FEW = 596, 3  # 168 sections each


def case(volumes: int) -> tuple[Predictions, Manifest, VolumeSet]:
    """Random answers with poses, scores and probabilities."""
    rng = np.random.default_rng(0)
    some = volume_set((1, 1, volumes), np.zeros((volumes + 2, 20, 20, 20), np.float32))
    manifest = make_manifest(some, "hard", "none", 1)
    test = manifest.parts["test"]
    answers = Predictions(
        boxes=rng.random((len(test), 729)).astype(np.float32), probabilities=True, normals=test.normals,
        centres=test.centres + rng.normal(size=(len(test), 3)),
    )  # fmt: skip
    return answers, manifest, some


def slowly(answers: Predictions, manifest: Manifest) -> dict[str, float]:
    """Sorts and loops for the values, then a loop over resamples for one metric's interval."""
    found = naive(np.asarray(answers.boxes), manifest.parts["test"].labels(manifest.grid))
    weights, hits = bootstrap_weights(len(manifest.volume_rows("test"))), np.ones(len(manifest.parts["test"]))
    volume = np.unique(manifest.parts["test"].volume, return_inverse=True)[1]
    for drawn in weights[: RESAMPLES // 10]:
        _ = sum(drawn[v] * h for v, h in zip(volume, hits, strict=True)) / sum(drawn[v] for v in volume)
    return found


def main() -> None:
    answers, manifest, volumes = case(VOLUMES)
    small = case(FEW)
    expected, found = slowly(*small[:2]), {f"{m.protocol} {m.metric}": m.value for m in evaluate(*small)}
    assert all(abs(found[name] - value) < 1e-12 for name, value in expected.items())
    bootstrap_weights.cache_clear()
    fast = median_seconds(lambda: evaluate(answers, manifest, volumes))
    slow = median_seconds(lambda: slowly(*small[:2])) * VOLUMES / FEW
    count = manifest.counts["test"]
    print(f"{count:,} predictions, {RESAMPLES} resamples, {len(found)} metrics: {fast:.2f} s (median of {REPEATS})")
    print(f"naive loop over a tenth of the resamples of one metric: {slow:.0f} s; ratio: {slow / fast:.0f}")


main()
