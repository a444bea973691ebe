"""Evaluation: compare answers with labels, once per run and condition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atombench.engine.answers import Answers, answers_digest
from atombench.engine.exchanges import Exchanged
from atombench.records.board import CLEAN
from atombench.records.metric import OWN, Statistic, is_exchange
from atombench.records.record import Evaluation, Metric, Stratum
from atombench.statistics.bootstrap import Clustered, Grouped, Sample, estimate
from atombench.statistics.values import Values
from atombench.tasks.strata import in_order
from atombench.tasks.task import Clusters, Task, Truth
from atombench.volumes.curated import Curated


def evaluate(
    task: Task,
    answers: Answers,
    data: Curated,
    manifest: Any,
    exchanged: Mapping[str, Exchanged] | None = None,
    pictures: bool = False,
    condition: str = CLEAN,
) -> Evaluation:
    """Score the answers of a run under all protocols, and compute the primary metric in each stratum.

    Args:
        task: task of the board.
        answers: answers in the order of the manifest's test part.
        data: curated data that the manifest was drawn for.
        manifest: manifest of the board.
        exchanged: stored answers to exchanged cases, by name of the exchange.
        pictures: whether images of the data may be shown.
        condition: condition under which the queries were answered.
    """
    truth, clusters = task.truth(data, manifest), task.clusters(data, manifest)
    scored = task.score(answers, truth)
    primary = next((values for values in scored if (values.protocol, values.metric) == task.primary), None)
    metrics = [_metric(values, clusters, statistic_of(task, values)) for values in scored]
    for name, found in (exchanged or {}).items():
        asked = Clusters(clusters.names, clusters.index[found.asked])
        for values in _scored_exchange(task, name, found, truth, primary):
            metrics.append(_metric(values, asked, statistic_of(task, values)))
    strata: list[Stratum] = []
    if primary is not None:
        strata = _strata(primary, task.strata(data, manifest, truth), clusters, statistic_of(task, primary))
    details = task.details(answers, truth, data, manifest, scored, pictures, condition)
    return Evaluation(metrics, strata, **vars(details), answers=answers_digest(task.essence(answers, truth)))


def _scored_exchange(task: Task, name: str, found: Exchanged, truth: Truth, primary: Values | None) -> list[Values]:
    """Return the values of exchanged cases, and the primary metric of the true queries that they ask about."""
    scored = task.score_exchanged(name, found.answers, truth, found.asked)
    compared = next((values for values in scored if values.metric == task.primary[1]), None)
    if primary is None or compared is None:
        return scored
    return [*scored, Values(name, f"{OWN}{primary.metric}", primary.values[found.asked], compared.counted)]


def statistic_of(task: Task, values: Values) -> Statistic:
    """Return how the values of a metric are aggregated; under an exchange, as under the primary protocol.

    Raises:
        TypeError: the task does not describe the metric.
    """
    specs = {spec.key: spec for spec in task.metrics}
    protocols = [values.protocol, task.primary[0]] if is_exchange(values.protocol) else [values.protocol]
    for protocol in protocols:
        if spec := specs.get((protocol, values.metric.removeprefix(OWN))):
            return spec.statistic
    msg = f"the task {task.name!r} has no MetricSpec for its metric {values.protocol} {values.metric}"
    raise TypeError(msg)


def _metric(values: Values, clusters: Clusters, statistic: Statistic) -> Metric:
    """Aggregate the values of a metric, with a confidence interval over clusters."""
    counted = values.counted
    sample = _sample(values, counted, clusters, statistic)
    return Metric(
        protocol=values.protocol,
        metric=values.metric,
        n_clusters=int((sample.counts > 0).sum()),
        n_queries=int(counted.sum()),
        sums=sample.sums.tolist() if isinstance(sample, Clustered) else [],
        **_estimated(values, counted, sample),
    )


def _strata(values: Values, kinds: Mapping[str, NDArray[np.str_]], clusters: Clusters, statistic: Statistic) -> list[Stratum]:
    """Return the primary metric over the queries of each stratum, in their natural order."""
    strata = []
    for kind, names in kinds.items():
        for name in in_order(names[values.counted].tolist()):
            inside = values.counted & (names == name)
            sample = _sample(values, inside, clusters, statistic)
            strata.append(Stratum(kind=kind, name=name, sums=_totals(sample), **_estimated(values, inside, sample)))
    return strata


def _sample(values: Values, inside: NDArray[np.bool_], clusters: Clusters, statistic: Statistic) -> Sample:
    chosen, index = values.values[inside], clusters.index[inside]
    if statistic == "median":
        return Grouped(chosen.astype(np.float64), index, len(clusters.names))
    return Clustered.of(chosen, index, len(clusters.names))


def _estimated(values: Values, inside: NDArray[np.bool_], sample: Sample) -> dict[str, Any]:
    """Return the fields that metrics and strata share: value, interval, chance level, and what the bootstrap resamples."""
    number = estimate([sample])
    content: dict[str, Any] = {
        "value": number.value,
        "ci_low": number.low,
        "ci_high": number.high,
        "chance": None if values.chance is None else float(values.chance[inside].mean()),
        "counts": sample.counts.astype(int).tolist(),
    }
    if isinstance(sample, Grouped):
        rows = [sample.values[sample.cluster == cluster].tolist() for cluster in range(sample.clusters)]
        return {**content, "values": rows}
    return content


def _totals(sample: Sample) -> list[int] | list[float]:
    """Return the sums of one component, as integers if all of them are whole (counts of hits)."""
    if not isinstance(sample, Clustered):
        return []
    sums = sample.sums[:, 0]
    return sums.astype(int).tolist() if (sums == np.round(sums)).all() else sums.tolist()
