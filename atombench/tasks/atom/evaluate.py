"""From predictions to metrics: labels and predictions meet here, and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from atombench.engine.contract import Predictions
from atombench.engine.swaps import Swap
from atombench.records.record import Answer, Failure, Metric, ReliabilityBin, Stratum
from atombench.statistics.bootstrap import Clustered, estimate
from atombench.tasks.atom.geometry import BOXES
from atombench.tasks.atom.manifest import Manifest
from atombench.tasks.atom.metrics import PRIMARY, Truth, Values, exchanged, published, reliability, scored, strict
from atombench.tasks.atom.poses import PoseErrors
from atombench.tasks.atom.shown import answers, failures
from atombench.tasks.atom.strata import in_order, strata
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
    truth, complete = _truth(manifest, volumes), scored(predictions, manifest.grid)
    rows = manifest.volume_rows("test")
    cluster = np.searchsorted(rows, manifest.parts["test"].volume)
    found = published(complete, truth) + strict(complete, truth, manifest.grid)
    for swap, best in (swaps or {}).items():
        found += exchanged(swap, best, truth)
    return [_metric(values, cluster, len(rows)) for values in found]


@dataclass(frozen=True)
class Details:
    """What stands behind the numbers of a run.

    Attributes:
        strata: the primary number by stratum.
        reliability: confidence against being right, in bins; empty unless scores are probabilities.
        errors: 0th, 5th, ... 100th percentile of each pose error over labelled sections; empty without poses.
        answers: to the cases that the board shows.
        failures: some sections that were placed wrongly, as pictures; empty where none may be shown.
    """

    strata: list[Stratum]
    reliability: list[ReliabilityBin]
    errors: dict[str, list[float]]
    answers: list[Answer]
    failures: list[Failure]


def details(predictions: Predictions, manifest: Manifest, volumes: VolumeSet, pictures: bool = False) -> Details:
    """Break the primary number down, take distributions, and pick what is shown section by section.

    Args:
        predictions: in the order of the manifest's test part.
        manifest: poses and labels.
        volumes: the volumes that it was made for.
        pictures: whether pictures of the volumes may be shown.
    """
    truth, complete = _truth(manifest, volumes), scored(predictions, manifest.grid)
    values = {found.metric: found for found in strict(complete, truth, manifest.grid)}
    primary = values[PRIMARY]
    labelled = primary.counted
    bins: list[ReliabilityBin] = []
    if predictions.probabilities:
        table = reliability(complete.boxes.reshape(-1, BOXES)[labelled], primary.values[labelled])
        bins = [ReliabilityBin(count=count, confidence=mean, right=right) for count, mean, right in table]
    return Details(
        strata=_breakdown(primary, manifest, strata(manifest, volumes, truth.labels)),
        reliability=bins,
        errors={
            name: np.percentile(found.values[labelled], np.arange(0, 101, 5)).tolist()
            for name, found in values.items()
            if name in PoseErrors.__dataclass_fields__
        },
        answers=answers(complete, truth, manifest),
        failures=failures(complete, truth, manifest, volumes) if pictures else [],
    )


def _truth(manifest: Manifest, volumes: VolumeSet) -> Truth:
    sections = manifest.parts["test"]
    return Truth(
        centres=sections.centres.astype(np.float64),
        normals=sections.normals,
        spacing=volumes.spacing[sections.volume],
        labels=sections.labels(manifest.grid),
    )


def _breakdown(values: Values, manifest: Manifest, kinds: Mapping[str, NDArray[np.str_]]) -> list[Stratum]:
    """A recall over the sections of each stratum, in their natural order."""
    rows = manifest.volume_rows("test")
    cluster = np.searchsorted(rows, manifest.parts["test"].volume)
    chance = np.zeros(len(cluster)) if values.chance is None else values.chance
    found = []
    for kind, names in kinds.items():
        for name in in_order(kind, names[values.counted]):
            inside = values.counted & (names == name)
            runs = Clustered.of(values.values[inside], cluster[inside], len(rows))
            mean = estimate([runs])
            found.append(
                Stratum(
                    kind=kind, name=name, value=mean.value, ci_low=mean.low, ci_high=mean.high,
                    chance=float(chance[inside].mean()), sums=runs.sums[:, 0].astype(int).tolist(),
                    counts=runs.counts.astype(int).tolist(),
                )
            )  # fmt: skip
    return found


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
