"""From predictions to metrics: labels and predictions meet here, and nowhere else."""

from __future__ import annotations

import numpy as np

from atombench.atom.manifest import Manifest
from atombench.evaluation.protocols import Truth, Values, published, scored, strict
from atombench.evaluation.record import Metric
from atombench.evaluation.statistics import Clustered, estimate
from atombench.methods.contract import Predictions
from atombench.volumes.volume_set import VolumeSet


def evaluate(predictions: Predictions, manifest: Manifest, volumes: VolumeSet) -> list[Metric]:
    """Score predictions (in the order of the manifest's test part) under both protocols."""
    sections, grid = manifest.parts["test"], manifest.grid
    truth = Truth(
        centres=sections.centres.astype(np.float64),
        normals=sections.normals,
        spacing=volumes.spacing[sections.volume],
        labels=sections.labels(grid),
    )
    complete = scored(predictions, grid)
    rows = manifest.volume_rows("test")
    cluster = np.searchsorted(rows, sections.volume)
    return [_metric(values, cluster, len(rows)) for values in published(complete, truth) + strict(complete, truth, grid)]


def _metric(values: Values, cluster: np.ndarray, clusters: int) -> Metric:
    counted = values.counted
    runs = Clustered.of(values.values[counted], cluster[counted], clusters)
    found = estimate([runs])
    return Metric(
        protocol=values.protocol,
        metric=values.metric,
        value=found.value,
        ci_low=found.low,
        ci_high=found.high,
        chance=None if values.chance is None else float(values.chance[counted].mean()),
        n_volumes=int((runs.counts > 0).sum()),
        n_sections=int(counted.sum()),
        sums=runs.sums.tolist(),
        counts=runs.counts.astype(int).tolist(),
    )
