"""From predictions to metrics: labels and predictions meet here, and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from atombench.atom.manifest import Manifest
from atombench.evaluation.protocols import Truth, Values, exchanged, published, scored, strict
from atombench.evaluation.record import Metric
from atombench.evaluation.statistics import Clustered, estimate
from atombench.methods.contract import Predictions
from atombench.methods.swaps import Swap
from atombench.volumes.volume_set import VolumeSet


def evaluate(
    predictions: Predictions, manifest: Manifest, volumes: VolumeSet, swaps: Mapping[Swap, NDArray[np.int16]] | None = None
) -> list[Metric]:
    """Score predictions under both protocols.

    Args:
        predictions: in the order of the manifest's test part.
        manifest: poses and labels.
        volumes: the volumes that it was made for.
        swaps: best boxes (M, 10) of answers to exchanged inputs, in the same order.
    """
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
    found = published(complete, truth) + strict(complete, truth, grid)
    for swap, best in (swaps or {}).items():
        found += exchanged(swap, best, truth)
    return [_metric(values, cluster, len(rows)) for values in found]


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
