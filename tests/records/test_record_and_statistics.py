import json
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from atombench.commands.schema import SCHEMAS
from atombench.errors import DataError
from atombench.io.schema import json_schema
from atombench.records.record import Record, load_record, save_record
from atombench.statistics.bootstrap import RESAMPLES, Clustered, bootstrap_weights, estimate
from tests.conftest import ROOT
from tests.records.made import example


def test_clustered_sums_equal_a_loop() -> None:
    rng = np.random.default_rng(0)
    values, cluster = rng.random(200), rng.integers(0, 7, 200)
    found = Clustered.of(values, cluster, 7)
    np.testing.assert_allclose(found.sums[:, 0], [values[cluster == c].sum() for c in range(7)])
    assert found.value(np.ones(7)) == pytest.approx(values.mean())


def test_the_interval_equals_a_naive_bootstrap_over_clusters() -> None:
    rng = np.random.default_rng(1)
    cluster = np.sort(rng.integers(0, 12, 300))
    values = rng.random(300) < 0.2 + 0.05 * cluster
    weights = bootstrap_weights(12)
    assert weights.shape == (RESAMPLES, 12)
    assert (weights.sum(axis=1) == 12).all()
    naive = []
    for drawn in weights:
        sample = np.concatenate([values[cluster == c] for c in range(12) for _ in range(int(drawn[c]))])
        naive.append(sample.mean())
    found = estimate([Clustered.of(values, cluster, 12)])
    assert (found.low, found.high) == pytest.approx(np.percentile(naive, [2.5, 97.5]), abs=1e-12)


def test_the_interval_covers_the_truth_and_one_over_sections_does_not() -> None:
    """Volumes differ, sections of one volume are alike: 200 experiments with known truth 0.5."""
    rng = np.random.default_rng(2)
    by_volume = by_section = 0
    cluster = np.repeat(np.arange(60), 30)
    for _ in range(200):
        values = rng.random(1800) < np.repeat(rng.beta(2, 2, 60), 30)
        found = estimate([Clustered.of(values, cluster, 60)])
        by_volume += found.low <= 0.5 <= found.high
        spread = 1.96 * np.sqrt(values.mean() * (1 - values.mean()) / len(values))
        by_section += abs(values.mean() - 0.5) <= spread
    assert 0.92 <= by_volume / 200 <= 0.98
    assert by_section / 200 < 0.75


def test_seeds_widen_the_interval_and_are_averaged() -> None:
    cluster = np.repeat(np.arange(40), 10)
    rng = np.random.default_rng(3)
    low, high = (Clustered.of(rng.random(400) < p, cluster, 40) for p in (0.2, 0.8))
    both, one = estimate([low, high]), estimate([low])
    assert both.value == pytest.approx((float(low.value(np.ones(40))) + float(high.value(np.ones(40)))) / 2)
    assert both.high - both.low > 3 * (one.high - one.low)


def test_a_record_survives_its_file(tmp_path: Path) -> None:
    record = example()
    save_record(tmp_path / "record.json", record)
    assert load_record(tmp_path / "record.json") == record
    assert record.unit.key == "atom/toy/hard/none/1/clean/0/constant/seed1"


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


def test_a_record_never_holds_nan() -> None:
    content = example().model_dump()
    content["metrics"][0]["value"] = float("nan")
    with pytest.raises(ValidationError):
        Record.model_validate(content)


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_committed_schemas_are_those_of_the_code(name: str) -> None:
    committed = json.loads((ROOT / f"config/schema/{name}.schema.json").read_text())
    assert committed == json.loads(json.dumps(json_schema(SCHEMAS[name]))), "run `atombench schema`"
