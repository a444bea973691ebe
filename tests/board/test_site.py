import html
import json
import re
from pathlib import Path
from typing import Any, get_args, get_type_hints

import numpy as np
import pandas as pd
import pytest

from atombench.board.columns import COLUMNS as SHOWN
from atombench.board.columns import written
from atombench.board.figures import ROLE_COLOURS, ROLE_SYMBOLS
from atombench.board.site import MANY, build_site
from atombench.board.tables import COLUMNS
from atombench.errors import DataError
from atombench.records.record import Record, Unit
from atombench.records.run_list import LostRun
from atombench.tasks.atom.methods.table import Entry
from tests.board.made import registry, site_of, stored, table_of, text_of
from tests.records.made import example, full

ASKED = (
    "task dataset gathering split scale degradation severity method seed protocol metric value ci_low ci_high n_volumes "
    "n_sections status"
)
EVIL = "</script><script>alert(1)</script><b onload='x'>\u202e\u05d0\u05d1 %{x} {{ 7 * 7 }}"
HARD = "boards/toy-hard-none-x1.html"


def several() -> list[Record]:
    return [
        example("constant"), example("regismcan", 1, 0.5, role="network"), example("regismcan", 2, 0.6, role="network"),
        example("constant", gathering="easy"),
    ]  # fmt: skip


def failed(method: str, seed: int = 1, reason: str = "the loss became nan") -> Record:
    return example(method, seed, role="network", status="failed", reason=reason, metrics=[])


def test_the_long_table_has_the_columns_and_one_row_per_number() -> None:
    table = table_of(*several()[:3])
    assert list(table[0]) == ASKED.split() == COLUMNS
    mine = {row["seed"]: row for row in table if (row["method"], row["metric"]) == ("regismcan", "fine_recall@1")}
    assert list(mine) == ["1", "2", "all"]
    values = {seed: float(row["value"]) for seed, row in mine.items()}
    assert values["all"] == pytest.approx((values["1"] + values["2"]) / 2)
    assert all(float(row["ci_low"]) < float(row["value"]) < float(row["ci_high"]) for row in mine.values())
    assert {row["status"] for row in table if row["method"] == "chance"} == {"theory"}


def test_a_failed_run_is_a_row_and_makes_its_method_incomplete() -> None:
    mine = [row for row in table_of(*several()[:3], failed("regismcan", 3)) if row["method"] == "regismcan"]
    assert [row["status"] for row in mine if row["seed"] == "3"] == ["failed"]
    assert {row["status"] for row in mine if row["seed"] == "all"} == {"incomplete"}


def test_the_site_is_the_same_when_built_again_in_any_order_and_by_several_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = stored(tmp_path, *several())
    build_site(listed, registry(), tmp_path / "a")
    backwards = {board: entries[::-1] for board, entries in reversed(listed.items())}
    build_site(backwards, registry(), tmp_path / "b")
    monkeypatch.setattr("atombench.board.site.MANY", 1)
    assert MANY > 1
    build_site(listed, registry(), tmp_path / "c", processes=2)
    names = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*") if path.is_file())
    assert len(names) > 20
    for other in "bc":
        assert names == sorted(path.relative_to(tmp_path / other) for path in (tmp_path / other).rglob("*") if path.is_file())
        assert all((tmp_path / "a" / name).read_bytes() == (tmp_path / other / name).read_bytes() for name in names)


def test_pages_lead_to_each_other_and_nowhere_else(tmp_path: Path) -> None:
    out = site_of(tmp_path, *several(), failed("regismcan", 3))
    for page in out.rglob("*.html"):
        for link in re.findall(r'(?:href|src)="([^"#]*)"', page.read_text()):
            if not link.startswith("data:") and link:
                assert (page.parent / link).resolve().is_file(), (page, link)
    assert {path.name for path in (out / "boards").glob("*.html")} == {"toy-easy-none-x1.html", "toy-hard-none-x1.html"}
    assert {path.name for path in (out / "methods").glob("*")} == {"constant.html", "regismcan.html"}


def test_a_board_has_every_method_and_column_with_a_reason_where_it_is_blank(tmp_path: Path) -> None:
    page = (site_of(tmp_path, *several()) / HARD).read_text()
    rows = re.findall(r"<tr class=.*?</tr>", page, re.DOTALL)
    assert [re.search(r'data-method="(.*?)"', row)[1] for row in rows] == ["regismcan", "constant", "chance"]
    for row in rows:
        assert len(re.findall(r"<t[dh][ >]", row)) == 5 + len(SHOWN)
        blank = re.findall(r'<td class="none"([^>]*)>–', row)
        assert all("title=" in one for one in blank)
    assert ">nan" not in page.lower()
    assert "Controls missing on this board: random" in page


def test_incomplete_and_failed_methods_stand_below_with_their_reason(tmp_path: Path) -> None:
    page = (
        site_of(tmp_path, *several(), failed("regismcan", 3), failed("exhaustive", reason="out of memory")) / HARD
    ).read_text()
    places = [page.index(f'data-method="{name}"') for name in ("constant", "regismcan", "exhaustive", "chance")]
    assert places == sorted(places)
    assert "regismcan</bdi>, seed 3: the loss became nan" in page
    assert "exhaustive</bdi>, seed 1: out of memory" in page


def test_a_board_whose_runs_have_all_failed_or_were_lost_is_still_a_page(tmp_path: Path) -> None:
    unit = example("exhaustive", gathering="easy").unit
    lost = [LostRun(unit=unit, role="search", reason="fetch: <b>no</b> network")]
    out = site_of(tmp_path, failed("exhaustive", reason="out of memory"), datasets=registry(), lost=lost)
    assert "out of memory" in (out / HARD).read_text()
    assert "fetch: &lt;b&gt;no&lt;/b&gt; network" in (out / "boards/toy-easy-none-x1.html").read_text()
    assert "every run failed" in (out / HARD).read_text()


def test_records_that_cannot_be_read_are_named_and_nothing_else_is_lost(tmp_path: Path) -> None:
    listed = stored(tmp_path, *several())
    (tmp_path / "records/1/record.json").write_text("{")
    build_site(listed, {}, tmp_path / "out")
    assert "1 file is left out" in (tmp_path / "out/index.html").read_text()
    assert "has changed since it was listed" in (tmp_path / "out" / HARD).read_text()
    for number in range(4):
        (tmp_path / f"records/{number}/record.json").unlink()
    with pytest.raises(DataError, match="no records to show; atom/toy/easy"):
        build_site(listed, {}, tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_pages_without_a_subject_are_removed(tmp_path: Path) -> None:
    out = site_of(tmp_path, *several())
    build_site({board: entries for board, entries in stored(tmp_path / "2", example("random")).items()}, {}, out)
    assert {path.name for path in (out / "boards").glob("*.html")} == {"toy-hard-none-x1.html"}
    assert {path.name for path in (out / "methods").glob("*.html")} == {"random.html"}


@pytest.mark.parametrize("name", [EVIL, "x" * 3000, "../../../etc/passwd", "", "CON", "\x00\n\t", "a" * 79 + "é" * 80])
def test_a_hostile_name_neither_breaks_a_page_nor_leaves_the_folder(name: str, tmp_path: Path) -> None:
    unit = Unit(dataset=name, gathering=name, split=name, scale=1, degradation=name, severity=3, method=name, seed=1)
    card = {"note": name, "team": name, "paper": name, "title": name}
    record = example(unit=unit, options={name: name}, about={"parameters": name}, card=card, role="submission")
    out = site_of(tmp_path, record, failed(name + "2", reason=name), example("constant"))
    assert {path.name for path in tmp_path.iterdir()} == {"records", "run.json", "out"}
    pages = text_of(out)
    assert "<script>alert" not in pages
    assert "<b onload" not in pages
    assert all(len(path.name.encode()) < 150 for path in out.rglob("*"))
    for text in re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', pages, re.DOTALL):
        json.loads(text)
    for path in (out / "boards").glob("*.json"):
        json.loads(path.read_text())


@pytest.mark.parametrize("value", [1e308, -1e308, 5e-324, -0.0, 1e15])
def test_absurd_values_are_written_shortly(value: float, tmp_path: Path) -> None:
    record = example("regismcan", 1, 0.5, role="network", about={"parameters": value})
    metrics = [one.model_copy(update={"value": value, "ci_low": value, "ci_high": value}) for one in record.metrics]
    out = site_of(tmp_path, record.model_copy(update={"metrics": metrics}), example("constant"))
    page = (out / HARD).read_text()
    assert "inf" not in re.sub(r"<[^>]*>", "", page).replace("infer", "")
    for kind in ("share", "number", "count", "seconds", "mebibytes"):
        assert len(written(value, kind)) < 25
    for text in re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', text_of(out), re.DOTALL):
        json.loads(text)


def test_the_table_reads_back(tmp_path: Path) -> None:
    out = site_of(tmp_path, *several())
    table = pd.read_csv(out / "results.csv", dtype={"seed": str})
    parts = [pd.read_csv(path, dtype={"seed": str}) for path in sorted((out / "boards").glob("*.csv"))]
    assert table["value"].notna().all()
    pd.testing.assert_frame_equal(table, pd.concat(parts, ignore_index=True))
    content = json.loads((out / "boards/toy-hard-none-x1.json").read_text())
    assert [one["method"] for one in content["methods"]] == ["regismcan", "constant", "chance"]
    assert content["methods"][0]["standing"]["rank"] == 1
    assert content["methods"][0]["runs"][0]["SHA-256 of the predictions"] == "4" * 64


def test_citations_are_entries_that_a_reader_of_bibtex_can_take_apart(tmp_path: Path) -> None:
    card = {
        "title": "A {new} method & more_",
        "team": "We % Co",
        "note": "n",
        "paper": "https://example.org/a_b",
        "code": "none",
    }
    out = site_of(tmp_path, example("ours", role="submission", card=card), datasets=registry())
    text = (out / "boards/toy-hard-none-x1.bib").read_text()
    assert re.findall(r"@(\w+)\{([\w-]+),", text) == [
        ("software", "atombench"), ("article", "wang2024atom"), ("misc", "dataset-toy"), ("misc", "method-ours"),
    ]  # fmt: skip
    plain = re.sub(r"\\.", "", text)
    assert plain.count("{") == plain.count("}")
    assert r"A \{new\} method \& more\_" in text


def test_provenance_stands_in_the_page_and_on_the_methods_page(tmp_path: Path) -> None:
    out = site_of(tmp_path, *several())
    page = (out / HARD).read_text()
    lines = json.loads(re.search(r'id="provenance">(.*?)</script>', page, re.DOTALL)[1])
    first = dict(lines["regismcan"][0])
    for label in ("commit", "versions", "host", "MLflow run", "to repeat it", "training: command", "SHA-256 of the manifest"):
        assert first[label]
        assert f"<dt>{label}</dt>" in (out / "methods/regismcan.html").read_text()
    assert first["SHA-256 of the predictions"] == "4" * 64
    assert len(lines["regismcan"]) == 2


def test_every_role_of_a_method_has_a_colour_and_a_symbol() -> None:
    roles = set(get_args(get_type_hints(Entry)["role"]))
    assert roles == set(ROLE_COLOURS) == set(ROLE_SYMBOLS)


def test_submissions_are_marked_and_their_texts_are_escaped(tmp_path: Path) -> None:
    card = {"note": "a <b>note</b>", "compute": "one day", "commit": "abc1234", "team": "we"}
    nothing: dict[str, Any] = {"training": None, "predicting": None}
    sent = example("sent-in", 1, 0.6, role="submission", origin="submitted predictions", card=card, **nothing)
    ran = example("ran-here", 1, 0.5, role="submission", origin="submitted method", card=card)
    refused = example("refused-one", 1, 0.5, role="submission", origin="submitted predictions", **nothing)
    refused = refused.model_copy(update={"status": "failed", "reason": "predictions/<a>.csv: NaN", "metrics": []})
    out = site_of(tmp_path, sent, ran, refused, example("constant"))
    page = (out / HARD).read_text()
    assert ">self-reported</span>" in page
    assert ">reproduced</span>" in page
    assert "a &lt;b&gt;note&lt;/b&gt;" in page
    assert "predictions/&lt;a&gt;.csv: NaN" in page
    assert "<b>note" not in text_of(out)
    assert "<dt>compute</dt><dd>one day</dd>" in (out / "methods/sent-in.html").read_text()


@pytest.mark.parametrize("rows", [registry(restricted=True), {}])
def test_messages_of_restricted_boards_name_no_file(rows: dict[str, Any], tmp_path: Path) -> None:
    secret = "/data/ADNI/002_S_0413/x.nii.gz cannot be read"
    lost = [LostRun(unit=example("mcan").unit, role="network", reason=f"fetch: {secret}")]
    out = site_of(tmp_path, example("constant"), failed("regismcan", reason=f"training: {secret}"), datasets=rows, lost=lost)
    texts = [path.read_text() for path in out.rglob("*") if path.suffix in (".html", ".json", ".csv")]
    assert not any("002_S_0413" in text for text in texts)
    assert "fetch; the message stands in the run's log alone" in html.unescape((out / HARD).read_text())


def test_seeds_stand_in_the_order_of_numbers_and_the_first_one_is_shown(tmp_path: Path) -> None:
    records = [full("regismcan", seed, 0.3) for seed in (10, 2)]
    records[0] = records[0].model_copy(update={"failures": []})
    page = (site_of(tmp_path, *records) / "methods/regismcan.html").read_text()
    assert page.index("regismcan, seed 2,") < page.index("regismcan, seed 10,")
    assert page.count("the volume in the plane of the answer") == len(records[1].failures)


def test_every_degradation_of_a_clean_board_is_followed(tmp_path: Path) -> None:
    def at(degradation: str, severity: int) -> Record:
        unit = example("regismcan", gathering="hard").unit.model_copy(update={"degradation": degradation, "severity": severity})
        return example("regismcan", 1, 0.5, unit=unit, role="network")

    out = site_of(tmp_path, at("clean", 0), at("blur", 1), at("noise", 1), at("noise", 2))
    page = (out / HARD).read_text()
    assert "as blur grows" in page
    assert "as noise grows" in page
    noise = (out / "boards/toy-hard-none-x1-noise-2.html").read_text()
    assert "as noise grows" in noise
    assert "as blur grows" not in noise


def test_boards_whose_names_run_together_have_pages_of_their_own(tmp_path: Path) -> None:
    units = [
        Unit(dataset=dataset, gathering=gathering, split="none", scale=1, method="constant", seed=1)
        for dataset, gathering in (("a", "b-c"), ("a-b", "c"))
    ]
    out = site_of(tmp_path, *(example(unit=unit) for unit in units))
    assert len(list((out / "boards").glob("*.html"))) == 2


def test_sums_that_are_no_whole_numbers_come_out_alike_however_many_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With hundreds of volumes the order of a sum depends on the number of threads."""
    rng, volumes = np.random.default_rng(3), 610
    records = []
    for seed in (1, 2, 3):
        first = full("regismcan", seed).metrics[4]
        metrics = [
            first.model_copy(update={"metric": name, "sums": rng.random((volumes, 1)).tolist(), "counts": [1] * volumes})
            for name in ("fine_recall@1", "mean_reciprocal_rank", "centre_voxel")
        ]
        names = [f"v{number}" for number in range(volumes)]
        records.append(example("regismcan", seed, role="network", metrics=metrics, volumes=names))
    listed = stored(tmp_path, *records)
    build_site(listed, registry(), tmp_path / "a")
    monkeypatch.setattr("atombench.board.site.MANY", 1)
    build_site(listed, registry(), tmp_path / "b", processes=2)
    for name in ("results.csv", HARD):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_a_number_of_parameters_beyond_all_bounds_is_not_known(tmp_path: Path) -> None:
    page = (site_of(tmp_path, example("regismcan", role="network", about={"parameters": 10**400})) / HARD).read_text()
    assert "not known: nothing was run here, or the run did not say" in page


def test_provenance_tells_what_differs_between_the_steps(tmp_path: Path) -> None:
    record = example("regismcan", role="network")
    later = record.predicting.model_copy(update={"commit": "d" * 40, "dirty": True}) if record.predicting else None
    out = site_of(tmp_path, record.model_copy(update={"predicting": later}))
    assert (
        "<dt>predicting: commit</dt><dd>" + "d" * 40 + " and uncommitted changes"
        in (out / "methods/regismcan.html").read_text()
    )
    assert "cccccccccccc, dddddddddddd+" in (out / "index.html").read_text()
