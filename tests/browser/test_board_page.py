"""The page in a real headless Chromium, from the file system."""

import json
import shutil
from pathlib import Path

import pytest

from atombench.board.pages import build_board
from atombench.evaluation.record import save_record
from atombench.runs import load_results, save_run
from tests.conftest import needs
from tests.evaluation.records import example

pytestmark = pytest.mark.long
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-quic", "--disable-background-networking",
    "--disable-sync", "--disable-component-update", "--window-size=1300,1000",
)  # fmt: skip


def check_page(page: Path, boards: int) -> None:
    """Open a page and make sure that it draws, logs no error and asks no network."""
    from selenium import webdriver
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait

    browser, driver = shutil.which("chromium") or shutil.which("chromium-browser"), shutil.which("chromedriver")
    needs(browser and driver, "chromium and chromedriver are not installed")
    options = Options()
    options.binary_location = str(browser)
    for flag in FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    with webdriver.Chrome(options=options, service=Service(str(driver))) as chrome:
        chrome.get(page.resolve().as_uri())
        WebDriverWait(chrome, 20).until(lambda c: len(c.find_elements(By.CSS_SELECTOR, ".plot .main-svg")) >= boards)
        assert [entry for entry in chrome.get_log("browser") if entry["level"] == "SEVERE"] == []
        events = [json.loads(entry["message"])["message"] for entry in chrome.get_log("performance")]
        asked = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
        assert asked
        assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
        for section in chrome.find_elements(By.CSS_SELECTOR, "main section")[:boards]:
            methods = section.find_elements(By.CSS_SELECTOR, "table:not(.provenance) tbody tr")
            assert len(methods) >= 3
            assert len(section.find_elements(By.CSS_SELECTOR, ".plot .scatterlayer .point")) == len(methods) - 1
            details = section.find_element(By.TAG_NAME, "details")
            details.find_element(By.TAG_NAME, "summary").click()
            assert details.find_element(By.CSS_SELECTOR, ".provenance tbody tr").is_displayed()
        chrome.set_window_size(420, 900)
        sideways = "return document.documentElement.scrollWidth > window.innerWidth"
        WebDriverWait(chrome, 10).until_not(lambda c: c.execute_script(sideways), "scrolls sideways on a narrow screen")


def test_a_page_of_made_up_records_opens(tmp_path: Path) -> None:
    paths = []
    for record in (example("constant"), example("random"), example("regismcan", 1, 0.5, role="network")):
        paths.append(tmp_path / record.unit.method / "record.json")
        save_record(paths[-1], record)
    save_run(tmp_path / "run.json", "test", {}, paths)
    build_board(load_results([tmp_path / "run.json"])[0], {}, tmp_path / "board")
    check_page(tmp_path / "board/index.html", boards=1)
