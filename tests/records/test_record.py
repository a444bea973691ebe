"""Result records: what is refused, and what survives the disk."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from atombench.commands.schema import SCHEMAS, schema_of
from atombench.errors import DataError
from atombench.records.record import (
    Evaluation,
    Header,
    Metric,
    Record,
    first_runs,
    load_record,
    make_record,
    save_record,
)
from atombench.statistics.bootstrap import Grouped, estimate
from tests.conftest import ROOT
from tests.records.made import example, full, metric_of


def test_a_record_is_unchanged_by_writing_and_reading(tmp_path: Path) -> None:
    for record in (example(), full("mcan", sections=(1, 2)), example(condition="histology-1")):
        save_record(tmp_path / "record.json", record)
        assert load_record(tmp_path / "record.json") == record
    assert example().run.key == "atom/toy/hard-none-x1/clean/constant/seed1"


def test_a_record_that_does_not_fit_the_schema_is_refused(tmp_path: Path) -> None:
    content = example().model_dump(mode="json")
    content["metrics"][0]["value"] = "high"
    content["colour"] = "red"
    (tmp_path / "record.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match=r"metrics\.0\.value.*unknown key 'colour'|unknown key 'colour'.*metrics\.0\.value"):
        load_record(tmp_path / "record.json")
    (tmp_path / "record.json").write_text("{")
    with pytest.raises(DataError, match="not valid JSON"):
        load_record(tmp_path / "record.json")


def test_a_record_of_another_protocol_is_refused_where_one_is_asked_for(tmp_path: Path) -> None:
    save_record(tmp_path / "record.json", example(protocol_version="0.1"))
    assert load_record(tmp_path / "record.json").protocol_version == "0.1"
    with pytest.raises(DataError, match=r"is of protocol 0\.1, expected 1\.1"):
        load_record(tmp_path / "record.json", "1.1")


def test_a_record_never_holds_nan() -> None:
    content = example().model_dump()
    content["metrics"][0]["value"] = float("nan")
    with pytest.raises(ValidationError):
        Record.model_validate(content)


SUMS_AND_COUNTS = [
    ({"counts": [10] * 19}, "strict fine_recall@1 has 20 sums or values and 19 counts for 20 clusters"),
    ({"sums": [[1.0]] * 19 + [[]]}, "has 20 sums or values and 20 counts"),
    ({"sums": []}, "has 0 sums or values and 20 counts"),
    ({"counts": [0] * 20}, "counts no query"),
    ({"counts": [-1] * 20}, "counts no query, or a negative number of them"),
    ({"values": [[0.5] * 10] * 20}, "both sums and values"),
    ({"sums": [], "values": [[0.5] * 10] * 19}, "has 19 sums or values and 20 counts"),
    ({"sums": [], "values": [[0.5] * 10] * 19 + [[0.5]]}, "has values that do not match its counts"),
]


@pytest.mark.parametrize(("changed", "message"), SUMS_AND_COUNTS)
def test_a_record_whose_sums_values_and_counts_do_not_match_is_refused(changed: dict[str, object], message: str) -> None:
    content = example().model_dump()
    content["metrics"][0] |= changed
    with pytest.raises(ValidationError, match=message):
        Record.model_validate(content)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"status": "maybe"}, "status: Input should be 'complete' or 'failed', got 'maybe'"),
        ({"clusters": ["only one"]}, "has 20 sums or values and 20 counts for 1 clusters"),
        ({"metrics": [example().metrics[0].model_copy(update={"value": float("nan")})]}, "metrics.0.value: .*finite number"),
        ({"metrics": [example().metrics[0].model_copy(update={"value": "high"})]}, "metrics.0.value: .*valid number"),
        ({"about": {"size": np.zeros(3)}}, "cannot be written as JSON: .*ndarray"),
    ],
)
def test_a_record_that_a_change_made_invalid_is_not_written(change: dict[str, object], message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"the record of atom/toy/hard-none-x1/clean/constant/seed1 .*{message}") as error:
        save_record(tmp_path / "record.json", example().model_copy(update=change))
    assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_a_median_is_kept_with_its_values_and_can_be_resampled(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    cluster = np.repeat(np.arange(5), (4, 0, 3, 2, 6))
    median = metric_of("strict", "centre_mm", Grouped(rng.random(15), cluster, 5), None)
    assert (median.value, median.counts) == (np.median(values_of(median)), [4, 0, 3, 2, 6])
    assert (median.n_clusters, median.n_queries, median.sums) == (4, 15, [])
    save_record(tmp_path / "record.json", example(metrics=[median], clusters=list("abcde")))
    kept = load_record(tmp_path / "record.json").metrics[0]
    assert kept == median
    found = estimate([kept.sample()])
    assert (found.value, found.low, found.high) == (median.value, median.ci_low, median.ci_high)


def values_of(metric: Metric) -> list[float]:
    """All values of a median, one cluster after the other."""
    return [value for values in metric.values for value in values]


def test_a_failed_run_has_a_reason_and_no_numbers() -> None:
    record = make_record(header(), None, "training: out of memory")
    assert (record.status, record.reason, record.metrics, record.ended) == ("failed", "training: out of memory", [], False)
    with pytest.raises(DataError, match=r"the record of atom/toy/hard-none-x1/clean/constant/seed1 is not valid: .*1 clusters"):
        make_record(header(clusters=["a"]), Evaluation(example().metrics))


def header(**changes: Any) -> Header:
    record = example()
    content = {field.name: getattr(record, field.name) for field in dataclasses.fields(Header)}
    return Header(**{**content, **changes})


def test_the_first_run_of_each_method_is_the_complete_one_with_the_lowest_seed() -> None:
    failed = example("a", 1, status="failed", metrics=[])
    found = first_runs([example("b", 3), example("a", 3), example("b", 2), example("a", 2), failed])
    assert {method: record.run.seed for method, record in found.items()} == {"a": 2, "b": 2}


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_committed_schemas_are_those_of_the_code(name: str) -> None:
    committed = json.loads((ROOT / f"config/schema/{name}.schema.json").read_text())
    assert committed == json.loads(json.dumps(schema_of(name, SCHEMAS[name]))), "run `atombench schema`"
