import json
from pathlib import Path

import pandas as pd
import pytest

from atombench.board.tables import COLUMNS
from tests.board.made import site_of, table_of
from tests.board.some import failed, several
from tests.records.made import example

EXPECTED_COLUMNS = (
    "task dataset gathering split scale degradation severity method seed protocol metric value ci_low ci_high n_volumes "
    "n_sections status board condition origin n_seeds"
)


def test_the_long_table_has_the_columns_and_one_row_per_number() -> None:
    table = table_of(*several()[:3])
    assert list(table[0]) == EXPECTED_COLUMNS.split() == COLUMNS
    mine = {row["seed"]: row for row in table if (row["method"], row["metric"]) == ("regismcan", "fine_recall@1")}
    assert list(mine) == ["1", "2", "all"]
    values = {seed: float(row["value"]) for seed, row in mine.items()}
    assert values["all"] == pytest.approx((values["1"] + values["2"]) / 2)
    assert all(float(row["ci_low"]) < float(row["value"]) < float(row["ci_high"]) for row in mine.values())
    assert {seed: row["n_seeds"] for seed, row in mine.items()} == {"1": "1", "2": "1", "all": "2"}
    assert {row["status"] for row in table if row["method"] == "chance"} == {"theory"}


def test_each_row_states_its_board_and_origin() -> None:
    table = table_of(*several()[:2], example("sent-in", role="submission", origin="self-reported"))
    place = {"task": "atom", "dataset": "toy", "gathering": "hard", "split": "none", "scale": "1", "board": "hard-none-x1"}
    assert all(row[name] == text for row in table for name, text in place.items())
    assert {(row["degradation"], row["severity"], row["condition"]) for row in table} == {("clean", "0", "clean")}
    origins = {row["method"]: row["origin"] for row in table}
    assert origins == {"constant": "measured", "regismcan": "measured", "sent-in": "self-reported", "chance": "theory"}


def test_a_failed_run_is_a_row_and_makes_its_method_incomplete() -> None:
    mine = [row for row in table_of(*several()[:3], failed("regismcan", 3)) if row["method"] == "regismcan"]
    assert [row["status"] for row in mine if row["seed"] == "3"] == ["failed"]
    assert {row["status"] for row in mine if row["seed"] == "all"} == {"incomplete"}
    assert {row["n_seeds"] for row in mine if row["seed"] == "all"} == {"2"}


def test_the_downloads_contain_the_same_numbers_as_the_site_table(tmp_path: Path) -> None:
    out = site_of(tmp_path, *several())
    table = pd.read_csv(out / "results.csv", dtype={"seed": str})
    paths = sorted((out / "boards").glob("*.csv"), reverse=True)  # hard comes before easy
    parts = [pd.read_csv(path, dtype={"seed": str}) for path in paths]
    assert table["value"].notna().all()
    pd.testing.assert_frame_equal(table, pd.concat(parts, ignore_index=True))
    content = json.loads((out / "boards/atom-toy-hard-none-x1.json").read_text())
    assert [entry["method"] for entry in content["methods"]] == ["regismcan", "constant", "chance"]
    assert content["methods"][0]["standing"]["rank"] == 1
    assert content["methods"][0]["runs"][0]["SHA-256 of the predictions"] == "4" * 64
    assert content["board"]["dataset"] == "toy"
