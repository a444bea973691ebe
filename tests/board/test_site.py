import html
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from atombench.board.columns import columns_of
from atombench.board.site import MANY
from atombench.errors import DataError
from atombench.records.board import Board
from atombench.records.run import Run
from atombench.records.run_list import LostRun
from atombench.tasks.atom.shown import Shown
from atombench.tasks.atom.specs import SPECS
from tests.board.made import build, registry, site_of, stored, text_of
from tests.board.some import EASY, HARD, failed, several
from tests.records.made import example, full

SHOWN = columns_of(SPECS, SPECS[0].key)


def test_the_site_does_not_depend_on_the_order_of_records_or_the_number_of_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = stored(tmp_path, *several())
    build(entries, tmp_path / "a")
    build({setting: runs[::-1] for setting, runs in reversed(entries.items())}, tmp_path / "b")
    monkeypatch.setattr("atombench.board.site.MANY", 1)
    assert MANY > 1
    build(entries, tmp_path / "c", processes=2)
    names = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*") if path.is_file())
    assert len(names) > 20
    for other in "bc":
        assert names == sorted(path.relative_to(tmp_path / other) for path in (tmp_path / other).rglob("*") if path.is_file())
        assert all((tmp_path / "a" / name).read_bytes() == (tmp_path / other / name).read_bytes() for name in names)


def test_all_links_lead_to_existing_pages_of_the_site(tmp_path: Path) -> None:
    out = site_of(tmp_path, *several(), failed("regismcan", 3))
    for page in out.rglob("*.html"):
        for link in re.findall(r'(?:href|src)="([^"#]*)"', page.read_text()):
            if not link.startswith("data:") and link:
                assert (page.parent / link).resolve().is_file(), (page, link)
    assert {f"boards/{path.name}" for path in (out / "boards").glob("*.html")} == {EASY, HARD}
    assert {path.name for path in (out / "methods").glob("*")} == {"constant.html", "regismcan.html"}


def test_a_board_shows_all_methods_and_columns_and_blank_cells_have_a_reason(tmp_path: Path) -> None:
    page = (site_of(tmp_path, *several()) / HARD).read_text()
    rows = re.findall(r"<tr class=.*?</tr>", page, re.DOTALL)
    assert [match[1] for row in rows if (match := re.search(r'data-method="(.*?)"', row))] == [
        "regismcan",
        "constant",
        "chance",
    ]
    for row in rows:
        assert len(re.findall(r"<t[dh][ >]", row)) == 5 + len(SHOWN)
        blank = re.findall(r'<td class="none"([^>]*)>–', row)
        assert all("title=" in attributes for attributes in blank)
    assert ">nan" not in page.lower()
    assert "Controls missing on this board: random" in page


def test_incomplete_and_failed_methods_are_listed_last_with_a_reason(tmp_path: Path) -> None:
    out = site_of(tmp_path, *several(), failed("regismcan", 3), failed("exhaustive", reason="out of memory"))
    page = (out / HARD).read_text()
    places = [page.index(f'data-method="{name}"') for name in ("constant", "regismcan", "exhaustive", "chance")]
    assert places == sorted(places)
    assert "regismcan</bdi>, seed 3: the loss became nan" in page
    assert "exhaustive</bdi>, seed 1: out of memory" in page


def test_a_board_with_only_failed_or_lost_runs_has_a_page(tmp_path: Path) -> None:
    lost = [LostRun(run=example("exhaustive", gathering="easy").run, role="search", reason="fetch: <b>no</b> network")]
    out = site_of(tmp_path, failed("exhaustive", reason="out of memory"), lost=lost)
    assert "out of memory" in (out / HARD).read_text()
    assert "fetch: &lt;b&gt;no&lt;/b&gt; network" in (out / EASY).read_text()
    assert "every run failed" in (out / HARD).read_text()


def test_unreadable_records_are_reported_and_the_others_are_shown(tmp_path: Path) -> None:
    entries = stored(tmp_path, *several())
    (tmp_path / "records/1/record.json").write_text("{")
    out = build(entries, tmp_path / "out", datasets={})
    assert "1 file is omitted" in (out / "index.html").read_text()
    assert "has changed since it was listed" in (out / HARD).read_text()
    for number in range(4):
        (tmp_path / f"records/{number}/record.json").unlink()
    with pytest.raises(DataError, match="no records to show; atom/toy/hard"):
        build(entries, tmp_path / "none", datasets={})
    assert not (tmp_path / "none").exists()


def test_obsolete_pages_are_removed(tmp_path: Path) -> None:
    out = site_of(tmp_path, *several())
    build(stored(tmp_path / "2", example("random")), out, datasets={})
    assert {f"boards/{path.name}" for path in (out / "boards").glob("*.html")} == {HARD}
    assert {path.name for path in (out / "methods").glob("*.html")} == {"random.html"}


def test_submissions_are_marked_and_their_text_is_escaped(tmp_path: Path) -> None:
    card = {"note": "a <b>note</b>", "compute": "one day", "commit": "abc1234", "team": "we"}
    nothing: dict[str, Any] = {"training": None, "predicting": None}
    reported = example("sent-in", 1, 0.6, role="submission", origin="self-reported", card=card, **nothing)
    ran = example("ran-here", 1, 0.5, role="submission", origin="reproduced", card=card)
    refused = example("refused-one", 1, 0.5, role="submission", origin="self-reported", **nothing)
    refused = refused.model_copy(update={"status": "failed", "reason": "predictions/<a>.csv: NaN", "metrics": []})
    out = site_of(tmp_path, reported, ran, refused, example("constant"))
    page = (out / HARD).read_text()
    assert ">self-reported</span>" in page
    assert ">reproduced</span>" in page
    assert "a &lt;b&gt;note&lt;/b&gt;" in page
    assert "predictions/&lt;a&gt;.csv: NaN" in page
    assert "<b>note" not in text_of(out)
    assert "<dt>compute</dt><dd>one day</dd>" in (out / "methods/sent-in.html").read_text()


@pytest.mark.parametrize("rows", [registry(restricted=True), {}])
def test_messages_on_restricted_boards_contain_no_file_names(rows: dict[str, Any], tmp_path: Path) -> None:
    secret = "/data/ADNI/002_S_0413/x.nii.gz cannot be read"
    lost = [LostRun(run=example("mcan").run, role="network", reason=f"fetch: {secret}")]
    out = site_of(tmp_path, example("constant"), failed("regismcan", reason=f"training: {secret}"), datasets=rows, lost=lost)
    texts = [path.read_text() for path in out.rglob("*") if path.suffix in (".html", ".json", ".csv")]
    assert not any("002_S_0413" in text for text in texts)
    assert "fetch; the message is only in the log of the run" in html.unescape((out / HARD).read_text())


def test_seeds_are_sorted_numerically_and_failures_are_those_of_the_first_seed(tmp_path: Path) -> None:
    records = [full("regismcan", seed, 0.3) for seed in (10, 2)]
    records[0] = records[0].model_copy(update={"own": Shown().model_dump()})
    page = (site_of(tmp_path, *records) / "methods/regismcan.html").read_text()
    assert page.index("regismcan, seed 2,") < page.index("regismcan, seed 10,")
    shown = Shown.model_validate(records[1].own)
    assert page.count("the volume in the plane of the answer") == len(shown.failures) > 0


def test_boards_with_colliding_slugs_have_separate_pages(tmp_path: Path) -> None:
    runs = [Run.of(Board("atom", dataset, name), "constant", 1) for dataset, name in (("a", "b-c"), ("a-b", "c"))]
    out = site_of(tmp_path, *(example(run=run) for run in runs))
    assert len(list((out / "boards").glob("*.html"))) == 2


def test_floating_point_sums_do_not_depend_on_the_number_of_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
        records.append(example("regismcan", seed, role="network", metrics=metrics, clusters=names))
    entries = stored(tmp_path, *records)
    build(entries, tmp_path / "a")
    monkeypatch.setattr("atombench.board.site.MANY", 1)
    build(entries, tmp_path / "b", processes=2)
    for name in ("results.csv", HARD):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
