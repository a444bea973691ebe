"""The site for everybody: without script, by keyboard, in both themes, on narrow screens, for assistive technology."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.browser.checks import HARD, address, at, click
from tests.browser.chrome import opened
from tests.conftest import needs

pytestmark = pytest.mark.long
AXE = "4.14.1"
SERIOUS = ("serious", "critical")


def test_the_theme_is_the_systems_until_the_reader_chooses(site: Path, browser: Any) -> None:
    at(browser, site / "index.html")
    paper = "return getComputedStyle(document.body).backgroundColor"
    light = browser.execute_script(paper)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark"}]})
    dark = browser.execute_script(paper)
    assert dark != light
    click(browser, "#theme")
    assert browser.execute_script(paper) == light
    assert browser.execute_script("return document.getElementById('theme').textContent") == "Theme: light"
    at(browser, site / HARD)
    assert browser.execute_script(paper) == light
    click(browser, "#theme")
    assert browser.execute_script(paper) == dark
    click(browser, "#theme")
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert browser.execute_script(paper) == light


def test_everything_is_reached_and_worked_by_the_keyboard(site: Path, browser: Any) -> None:
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    at(browser, site / HARD)
    here = (
        "const one = document.activeElement; return one.className + ' ' +"
        "(one.id || one.dataset.filter || one.closest('th')?.dataset.key || one.tagName)"
    )
    seen = []
    for _ in range(60):
        ActionChains(browser).send_keys(Keys.TAB).perform()
        seen.append(browser.execute_script(here))
        if seen[-1].endswith("recall1"):
            break
    assert seen[0].startswith("skip")
    assert any(one.endswith(" theme") for one in seen)
    assert any(one.endswith(" family") for one in seen)
    assert seen[-1].endswith("recall1"), seen
    ActionChains(browser).send_keys(Keys.ENTER).perform()
    assert "sort=recall1.desc" in address(browser)
    browser.execute_script("document.querySelector('tr[data-method=constant] button.open').focus()")
    ActionChains(browser).send_keys(Keys.SPACE).perform()
    assert browser.execute_script("return document.querySelectorAll('td.opened').length") == 1
    outline = browser.execute_script("return getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"


def test_without_scripts_all_tables_and_pictures_are_there(site: Path) -> None:
    from selenium.webdriver.common.by import By

    with opened(site / HARD, scripts=False) as running:
        rows = running.find_elements(By.CSS_SELECTOR, "#table tbody tr")
        assert len(rows) == 7
        assert all(row.is_displayed() for row in rows)
        assert len(rows[0].find_elements(By.CSS_SELECTOR, "td")) > 20
        assert not running.find_element(By.CSS_SELECTOR, ".tools").is_displayed()
        assert "Figures are drawn by a script" in running.find_element(By.CSS_SELECTOR, ".figures").text
        running.get((site / "cases/toy-hard-none-x1.html").as_uri())
        assert all(picture.is_displayed() for picture in running.find_elements(By.CSS_SELECTOR, "svg.case"))
        assert not running.find_element(By.CSS_SELECTOR, "#viewer").is_displayed()


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The source of axe-core, from npm."""
    npm = shutil.which("npm")
    needs(npm, "npm is not installed")
    folder = tmp_path_factory.mktemp("axe")
    done = subprocess.run(
        [str(npm), "pack", f"axe-core@{AXE}", "--silent"], cwd=folder, capture_output=True, text=True, check=False
    )
    needs(done.returncode == 0, f"npm cannot fetch axe-core: {done.stderr[-200:]}")
    shutil.unpack_archive(folder / f"axe-core-{AXE}.tgz", folder)
    return (folder / "package/axe.min.js").read_text()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_assistive_technology_finds_no_serious_obstacle(theme: str, site: Path, axe: str, browser: Any) -> None:
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": theme}]})
    pages = [
        "index.html",
        "methods.html",
        "audit.html",
        "paper.html",
        HARD,
        "methods/regismcan.html",
        "cases/toy-hard-none-x1.html",
        "datasets/toy-x1.html",
    ]
    found = []
    for name in pages:
        at(browser, site / name)
        browser.execute_script("document.querySelectorAll('details').forEach(one => { one.open = true; })")
        if name == HARD:
            click(browser, "tr[data-method=regismcan] button.open")
        browser.execute_script("document.querySelectorAll('.columns').forEach(one => { one.open = false; })")
        browser.execute_cdp_cmd("Runtime.evaluate", {"expression": axe})
        result = browser.execute_async_script(
            "const done = arguments[0]; axe.run(document, {preload: false}).then(done, error => done({failed: String(error)}))"
        )
        assert "failed" not in result, result
        assert len(result["passes"]) > 10
        found += [(name, one["id"], one["nodes"][0]["html"][:200]) for one in result["violations"] if one["impact"] in SERIOUS]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert found == []


@pytest.mark.parametrize("width", [320, 800])
def test_no_page_scrolls_sideways_on_a_narrow_screen(width: int, site: Path, browser: Any) -> None:
    device = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", device)
    for page in sorted(site.rglob("*.html")):
        at(browser, page)
        assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth"), page
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
