"""The page in a real headless Chromium, from the file system."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from atombench.board.pages import build_board
from atombench.evaluation.record import save_record
from atombench.runs import load_results, save_run
from tests.board.test_cards import findings, registry
from tests.conftest import needs, volume_set
from tests.evaluation.records import example

pytestmark = pytest.mark.long
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-quic", "--disable-background-networking",
    "--disable-sync", "--disable-component-update", "--window-size=1300,1000",
)  # fmt: skip


@contextmanager
def opened(page: Path) -> Iterator[Any]:
    """A page in Chromium; afterwards no error may have been logged and no network asked."""
    from selenium import webdriver
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service

    browser, driver = shutil.which("chromium") or shutil.which("chromium-browser"), shutil.which("chromedriver")
    needs(browser and driver, "chromium and chromedriver are not installed")
    options = Options()
    options.binary_location = str(browser)
    for flag in FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    with webdriver.Chrome(options=options, service=Service(str(driver))) as chrome:
        chrome.get(page.resolve().as_uri())
        yield chrome
        assert [entry for entry in chrome.get_log("browser") if entry["level"] == "SEVERE"] == []
        events = [json.loads(entry["message"])["message"] for entry in chrome.get_log("performance")]
        asked = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
        assert asked
        assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


def drawn(chrome: Any, figures: int) -> None:
    """Wait until so many figures stand on the page."""
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(chrome, 20).until(lambda c: len(c.find_elements(By.CSS_SELECTOR, ".plot .main-svg")) >= figures)


def fits_a_narrow_screen(chrome: Any) -> None:
    from selenium.webdriver.support.ui import WebDriverWait

    chrome.set_window_size(420, 900)
    sideways = "return document.documentElement.scrollWidth > window.innerWidth"
    WebDriverWait(chrome, 10).until_not(lambda c: c.execute_script(sideways), "scrolls sideways on a narrow screen")


def check_page(page: Path, boards: int) -> None:
    """Open a start page and make sure that it draws, logs no error and asks no network."""
    from selenium.webdriver.common.by import By

    with opened(page) as chrome:
        drawn(chrome, boards)
        for section in chrome.find_elements(By.CSS_SELECTOR, "main section")[:boards]:
            methods = section.find_elements(By.CSS_SELECTOR, "table:not(.provenance, .strata) tbody tr")
            assert len(methods) >= 3
            assert len(section.find_elements(By.CSS_SELECTOR, ".plot .scatterlayer .point")) == len(methods) - 1
            details = section.find_element(By.CSS_SELECTOR, "details.sources")
            details.find_element(By.TAG_NAME, "summary").click()
            assert details.find_element(By.CSS_SELECTOR, ".provenance tbody tr").is_displayed()
        fits_a_narrow_screen(chrome)


def check_card(page: Path, boards: int) -> None:
    """Go from the start page to the first dataset's card and make sure that it is whole."""
    from selenium.webdriver.common.by import By

    with opened(page) as chrome:
        chrome.find_element(By.CSS_SELECTOR, "#datasets tbody a").click()
        drawn(chrome, 2)
        assert len(chrome.find_elements(By.CSS_SELECTOR, "#plot-audit .heatmaplayer .hm")) == 2 * boards
        assert len(chrome.find_elements(By.CSS_SELECTOR, "#sections table")) == boards
        sheet = chrome.find_element(By.CSS_SELECTOR, "img.sheet")
        assert chrome.execute_script("return arguments[0].naturalWidth > 300", sheet)
        assert len(chrome.find_elements(By.CSS_SELECTOR, ".odd")) > 0
        fits_a_narrow_screen(chrome)
        chrome.find_element(By.LINK_TEXT, "Leaderboard").click()
        drawn(chrome, 1)


def test_a_page_of_made_up_records_opens(tmp_path: Path) -> None:
    paths = []
    for record in (example("constant"), example("random"), example("regismcan", 1, 0.5, role="network")):
        paths.append(tmp_path / record.unit.method / "record.json")
        save_record(paths[-1], record)
    save_run(tmp_path / "run.json", "test", {}, paths)
    audits = findings(volume_set((6, 2, 3)))
    build_board(load_results([tmp_path / "run.json"])[0], registry(), tmp_path / "board", findings=audits)
    check_page(tmp_path / "board/index.html", boards=1)
    check_card(tmp_path / "board/index.html", boards=2)
