"""Evaluation of a task with medians, ragged answers, strata, details and exchanges."""

from typing import Any, ClassVar

import numpy as np
import pytest

from atombench.engine.answers import Answers, Field, Ragged
from atombench.engine.entry import Entry
from atombench.engine.exchanges import Exchanged
from atombench.records.board import Board
from atombench.records.metric import STRICT, MetricSpec
from atombench.records.record import Digests, Header, Record, load_record, make_record, save_record
from atombench.records.run import Run
from atombench.statistics.bootstrap import Grouped, estimate
from atombench.statistics.values import Values
from atombench.tasks.evaluate import evaluate
from atombench.tasks.task import Block, Clusters, Details, Task
from atombench.volumes.curated import Curated

QUERIES, PATIENTS = 60, 6


class Landmarks(Task):
    """Distances of landmarks; queries have different numbers of landmarks."""

    name = "landmarks"
    title = "landmarks"
    block = Block
    answers = (Field("points", None, "float64"),)
    metrics = (
        MetricSpec(STRICT, "error", "mm", "error", "median distance", higher_is_better=False, statistic="median"),
        MetricSpec(STRICT, "near", "share", "near", "share within 1 mm", has_chance=True),
        MetricSpec("moving-swap", "error", "mm", "error", "with other pictures", higher_is_better=False, statistic="median"),
    )
    primary = (STRICT, "error")
    methods: ClassVar[dict[str, Entry]] = {}

    def truth(self, data: Any, manifest: Any) -> np.ndarray:
        """Return the true position 0 of every landmark."""
        return np.zeros(QUERIES)

    def score(self, answers: Answers, truth: Any) -> list[Values]:
        """Return the largest distance of each query; a query without landmarks does not count."""
        rows = answers.rows("points")
        counted = np.array([len(row) > 0 for row in rows])
        largest = np.array([np.abs(row).max(initial=0) for row in rows])
        near = Values(STRICT, "near", largest <= 1, counted, np.full(QUERIES, 0.25))
        return [Values(STRICT, "error", largest, counted), near]

    def clusters(self, data: Any, manifest: Any) -> Clusters:
        """Return patients, ten queries each."""
        return Clusters([f"p{number}" for number in range(PATIENTS)], np.arange(QUERIES) % PATIENTS)

    def strata(self, data: Any, manifest: Any, truth: Any) -> dict[str, np.ndarray]:
        """Return sides; some queries have none."""
        return {"side": np.array(["left", "right", ""])[np.arange(QUERIES) % 3]}

    def details(
        self, answers: Any, truth: Any, data: Any, manifest: Any, values: Any, pictures: bool, condition: str
    ) -> Details:
        """Return whether pictures may be shown."""
        return Details(own={"pictures": pictures})


@pytest.fixture
def answers() -> Answers:
    rng = np.random.default_rng(0)
    return Answers(points=Ragged.of([rng.normal(size=number % 4) for number in range(QUERIES)]))


@pytest.fixture
def clusters() -> Clusters:
    return Landmarks().clusters(None, None)


def largest(answers: Answers) -> np.ndarray:
    return np.array([np.abs(row).max() if len(row) else np.nan for row in answers.rows("points")])


def test_a_median_has_the_confidence_interval_of_its_grouped_values(
    answers: Answers, clusters: Clusters, toy_data: Curated
) -> None:
    found = evaluate(Landmarks(), answers, toy_data, None)
    error, near = found.metrics
    values = largest(answers)
    counted = np.isfinite(values)
    expected = estimate([Grouped(values[counted], clusters.index[counted], PATIENTS)])
    assert error.value == pytest.approx(np.median(values[counted]))
    assert (error.value, error.ci_low, error.ci_high) == (expected.value, expected.low, expected.high)
    assert (error.n_queries, error.n_clusters, error.sums, error.chance) == (45, PATIENTS, [], None)
    assert [len(row) for row in error.values] == error.counts
    assert sorted(value for row in error.values for value in row) == sorted(values[counted])
    assert near.value == pytest.approx((values[counted] <= 1).mean())
    assert (near.chance, near.values) == (0.25, [])


def test_strata_contain_medians_of_their_queries_only(answers: Answers, toy_data: Curated) -> None:
    found = evaluate(Landmarks(), answers, toy_data, None)
    values, side = largest(answers), np.arange(QUERIES) % 3
    assert [(stratum.kind, stratum.name) for stratum in found.strata] == [("side", "left"), ("side", "right")]
    for number, stratum in enumerate(found.strata):
        inside = values[(side == number) & np.isfinite(values)]
        assert stratum.value == pytest.approx(np.median(inside))
        assert sum(stratum.counts) == len(inside)
        assert stratum.ci_low <= stratum.value <= stratum.ci_high


def test_answers_to_exchanged_inputs_are_scored_under_their_own_protocol(answers: Answers, toy_data: Curated) -> None:
    asked = np.arange(QUERIES)[::-1].copy()
    found = evaluate(Landmarks(), answers, toy_data, None, {"moving-swap": Exchanged(asked, answers.take(asked))})
    own, exchanged, again = found.metrics[0], found.metrics[-2], found.metrics[-1]
    assert (exchanged.protocol, exchanged.metric) == ("moving-swap", "error")
    assert (again.protocol, again.metric) == ("moving-swap", "own_error")
    for metric in (exchanged, again):
        assert (metric.value, metric.n_queries, metric.counts) == (own.value, own.n_queries, own.counts)


@pytest.mark.parametrize("pictures", [True, False])
def test_details_of_a_task_are_stored_in_the_record(pictures: bool, answers: Answers, toy_data: Curated) -> None:
    assert evaluate(Landmarks(), answers, toy_data, None, pictures=pictures).own == {"pictures": pictures}


def test_a_record_with_medians_is_restored_from_its_file(
    answers: Answers, clusters: Clusters, toy_data: Curated, tmp_path: Any
) -> None:
    header = Header(
        run=Run.of(Board("landmarks", "toy", "default"), "random", 1),
        protocol_version="1.0",
        origin="measured",
        role="control",
        digests=Digests(data="1" * 64, manifest="2" * 64, weights="3" * 64, predictions="4" * 64, code="5" * 64),
        clusters=list(clusters.names),
    )
    kept = {"moving-swap": Exchanged(np.arange(QUERIES), answers)}
    record: Record = make_record(header, evaluate(Landmarks(), answers, toy_data, None, kept))
    save_record(tmp_path / "record.json", record)
    found = load_record(tmp_path / "record.json", "1.0")
    assert found == record
    for metric in found.metrics:
        again = estimate([metric.sample()])
        assert (again.value, again.low, again.high) == pytest.approx((metric.value, metric.ci_low, metric.ci_high))
