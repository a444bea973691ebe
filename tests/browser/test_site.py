"""Browser tests of the site: every page and every control."""

import json
import re
import shutil
import subprocess
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.support.ui import WebDriverWait

from tests.board.made import site_of
from tests.browser.checks import HARD, SET, UNIFORM, address, at, choose, click, drawn, methods, wait
from tests.browser.chrome import asked, chrome, elsewhere, opened
from tests.conftest import ROOT, needs
from tests.records.made import example

pytestmark = [pytest.mark.long(minutes=3), pytest.mark.xdist_group("browser")]


def test_every_page_loads_and_draws_without_an_error_or_a_request(site: Path, browser: Any) -> None:
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 15
    for page in pages:
        at(browser, page)
        wait(browser, "document.readyState === 'complete'")
        browser.execute_script("document.querySelectorAll('details').forEach(element => { element.open = true; })")
        drawn(browser, page)
        assert browser.execute_script("return document.title")
        assert not browser.execute_script("return /\\bNaN\\b|undefined|\\[object/.test(document.body.innerText)"), page
    requests = asked(browser)
    assert len(requests) > len(pages)
    assert elsewhere(requests) == []


def test_figures_show_the_measured_values_or_state_why_they_are_empty(site: Path, browser: Any) -> None:
    at(browser, site / HARD)
    drawn(browser, HARD)
    points = "[...document.querySelectorAll('.figure .plot')].map(plot => plot.querySelectorAll('.scatterlayer .point').length)"
    counts = browser.execute_script(f"return {points}")
    assert len(counts) == 6
    assert min(counts) > 1
    content = browser.execute_script("return document.querySelector('[data-plot^=plot-severity]').textContent")
    severity = json.loads(content)
    (mine,) = [trace for trace in severity["data"] if trace["name"] == "regismcan"]
    assert mine["x"] == [0, 1, 2]
    assert mine["y"][0] > mine["y"][1] > mine["y"][2]
    at(browser, site / UNIFORM)
    assert "results at one severity only" in browser.execute_script("return document.querySelector('.figures').innerText")


def test_sorting_search_and_filters_are_restored_from_the_address(site: Path, browser: Any) -> None:
    at(browser, site / HARD)
    all_methods = ["exhaustive", "ran-here", "regismcan", "constant", "sent-in", "lost", "chance"]
    assert methods(browser) == all_methods
    click(browser, "th[data-key=method] .dt-column-title, th[data-key=method]")
    assert methods(browser) == sorted(all_methods)
    assert "sort=method.asc" in address(browser)
    head = browser.execute_script("return document.querySelector('th[data-key=method]').getAttribute('aria-sort')")
    assert head == "ascending"
    choose(browser, "[data-filter=family]", "submission")
    assert methods(browser) == ["ran-here", "sent-in"]
    assert browser.execute_script("return document.querySelector('[data-count]').textContent") == "2 of 7 shown"
    browser.execute_script(SET, "[data-search]", "SENT", "input")
    assert methods(browser) == ["sent-in"]
    there = address(browser)
    assert there == "#sort=method.asc&q=SENT&family=submission"
    at(browser, site / HARD, there)
    assert methods(browser) == ["sent-in"]
    assert browser.execute_script("return document.querySelector('[data-filter=family]').value") == "submission"
    click(browser, "[data-reset]")
    assert methods(browser) == all_methods
    assert address(browser) == ""
    for mark, expected in (("self-reported", ["sent-in"]), ("reproduced", ["ran-here"]), ("failed", ["lost"])):
        choose(browser, "[data-filter=marked]", mark)
        assert methods(browser) == expected


def test_invalid_fragments_are_ignored(site: Path, browser: Any) -> None:
    for nonsense in (
        "#sort=nothing.desc&family=<b>&open={&columns=..",
        "#open=[null,7,{}]",
        "#open=null",
        "#open=7",
        "#%",
        "#sort=recall1.sideways&q=%FF",
    ):
        at(browser, site / HARD, nonsense)
        wait(browser, "'ready' in document.documentElement.dataset", nonsense)
        assert browser.execute_script("return document.querySelector('.tools').hidden") is False


def test_chosen_columns_are_restored_from_the_address(site: Path, browser: Any) -> None:
    at(browser, site / HARD)
    heads = "return [...document.querySelectorAll('#table thead th')].map(head => head.dataset.key)"
    assert "train" not in browser.execute_script(heads)
    click(browser, ".columns summary")
    click(browser, "[data-column=train]")
    click(browser, "[data-column=recall5]")
    assert "train" in browser.execute_script(heads)
    assert "recall5" not in browser.execute_script(heads)
    there = address(browser)
    at(browser, site / HARD, there)
    assert "train" in browser.execute_script(heads)
    assert "recall5" not in browser.execute_script(heads)


def test_an_opened_row_shows_the_provenance_of_its_numbers(site: Path, browser: Any) -> None:
    at(browser, site / HARD)
    click(browser, "tr[data-method=regismcan] button.open")
    text = browser.execute_script("return document.querySelector('td.opened').innerText")
    for words in ("SHA-256 of the predictions", "4" * 64, "commit", "seed 2", "snakemake --cores 2", "MLflow run"):
        assert words in text
    assert (
        browser.execute_script("return document.querySelector('tr[data-method=regismcan] button.open').ariaExpanded") == "true"
    )
    assert 'open=["regismcan"]' in address(browser)
    at(browser, site / HARD, address(browser))
    assert browser.execute_script("return document.querySelectorAll('td.opened dl').length") == 2
    assert 'open=["regismcan"]' in address(browser)


def test_switching_to_another_board_keeps_the_table_options(site: Path, browser: Any) -> None:
    at(browser, site / HARD, "#sort=method.desc&family=submission")
    assert methods(browser) == ["sent-in", "ran-here"]
    browser.execute_script(SET, "[data-way]", "atom-toy-uniform-none-x1.html", "change")
    wait(browser, "location.pathname.endsWith('atom-toy-uniform-none-x1.html')")
    wait(browser, "'ready' in document.documentElement.dataset")
    assert methods(browser) == ["sent-in", "ran-here"]


def test_the_start_page_filters_boards_and_links_to_them(site: Path, browser: Any) -> None:
    at(browser, site / "index.html")
    choose(browser, "[data-filter=gathering]", "hard")
    choose(browser, "[data-filter=condition]", "histology-2")
    rows = "return [...document.querySelectorAll('#table tbody tr')].map(row => row.querySelector('th').innerText)"
    assert browser.execute_script(rows) == ["toy, hard, histology-2"]
    assert address(browser) == "#gathering=hard&condition=histology-2"
    click(browser, "#table tbody th a")
    wait(browser, "location.pathname.endsWith('boards/atom-toy-hard-none-x1-histology-2.html')")


def test_files_are_downloaded_from_a_server_and_open_from_the_file_system(site: Path, tmp_path: Path) -> None:
    handler = partial(SimpleHTTPRequestHandler, directory=str(site))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server, chrome(own=server.server_port) as running:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        running.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
        running.get(f"http://127.0.0.1:{server.server_port}/{HARD}")
        for ending in ("csv", "json", "bib"):
            path = tmp_path / f"atom-toy-hard-none-x1.{ending}"
            click(running, f"a[download][href$='.{ending}']")
            WebDriverWait(running, 20).until(partial(_has_content, path))
            assert path.read_bytes() == (site / "boards" / path.name).read_bytes()
        server.shutdown()
    with opened(site / HARD) as running:
        click(running, "a[download][href$='.json']")  # browsers treat local files as separate origins
        wait(running, "location.pathname.endsWith('.json')")
        assert json.loads(running.execute_script("return document.body.innerText"))["board"]["dataset"] == "toy"


def _has_content(path: Path, _: Any) -> bool:
    return path.is_file() and path.stat().st_size > 0


def test_a_long_table_is_split_into_pages(tmp_path: Path) -> None:
    records = [example(f"method-{number:03d}", rate=0.001 * number, role="network") for number in range(250)]
    with opened(site_of(tmp_path, *records, datasets={}) / HARD) as running:
        assert len(methods(running)) == 100
        running.execute_script(SET, "[data-search]", "method-249", "input")
        assert methods(running) == ["method-249"]
        click(running, "[data-reset]")
        choose(running, ".dt-length select", "-1")
        assert len(methods(running)) == 251


def test_the_vendored_table_library_is_the_published_one(tmp_path: Path) -> None:
    npm = shutil.which("npm")
    needs(npm, "npm is not installed")
    vendored = (ROOT / "atombench/board/assets/vendor/dataTables.min.js").read_bytes()
    found = re.match(rb"/\*! DataTables ([0-9.]+)\n", vendored)
    assert found
    version = found[1].decode()
    done = subprocess.run(
        [str(npm), "pack", f"datatables.net@{version}", "--silent"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    needs(done.returncode == 0, f"npm cannot fetch DataTables: {done.stderr[-200:]}")
    shutil.unpack_archive(tmp_path / f"datatables.net-{version}.tgz", tmp_path)
    assert (tmp_path / "package/js/dataTables.min.js").read_bytes() == vendored
    assert (tmp_path / "package/License.txt").read_bytes() == (
        ROOT / "atombench/board/assets/vendor/dataTables-licence.txt"
    ).read_bytes()
