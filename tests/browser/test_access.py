"""Accessibility tests: without scripts, by keyboard, in both themes, on narrow screens, with assistive technology."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.browser.checks import CASES, HARD, address, at, click
from tests.browser.chrome import opened
from tests.conftest import needs

pytestmark = [pytest.mark.long(minutes=3), pytest.mark.xdist_group("browser")]
AXE = "4.14.1"
SERIOUS = ("serious", "critical")


def test_the_system_theme_applies_until_the_reader_chooses_another(site: Path, browser: Any) -> None:
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


def test_all_controls_can_be_reached_and_used_by_keyboard(site: Path, browser: Any) -> None:
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    at(browser, site / HARD)
    here = (
        "const active = document.activeElement; return active.className + ' ' +"
        "(active.id || active.dataset.filter || active.closest('th')?.dataset.key || active.tagName)"
    )
    seen = []
    for _ in range(60):
        ActionChains(browser).send_keys(Keys.TAB).perform()
        seen.append(browser.execute_script(here))
        if seen[-1].endswith("recall1"):
            break
    assert seen[0].startswith("skip")
    assert any(name.endswith(" theme") for name in seen)
    assert any(name.endswith(" family") for name in seen)
    assert seen[-1].endswith("recall1"), seen
    ActionChains(browser).send_keys(Keys.ENTER).perform()
    assert "sort=recall1.desc" in address(browser)
    browser.execute_script("document.querySelector('tr[data-method=constant] button.open').focus()")
    ActionChains(browser).send_keys(Keys.SPACE).perform()
    assert browser.execute_script("return document.querySelectorAll('td.opened').length") == 1
    outline = browser.execute_script("return getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"


def test_tables_and_pictures_are_visible_without_scripts(site: Path) -> None:
    from selenium.webdriver.common.by import By

    with opened(site / HARD, scripts=False) as running:
        rows = running.find_elements(By.CSS_SELECTOR, "#table tbody tr")
        assert len(rows) == 7
        assert all(row.is_displayed() for row in rows)
        assert len(rows[0].find_elements(By.CSS_SELECTOR, "td")) > 20
        assert not running.find_element(By.CSS_SELECTOR, ".tools").is_displayed()
        assert "Figures are drawn by a script" in running.find_element(By.CSS_SELECTOR, ".figures").text
        running.get((site / CASES).as_uri())
        assert all(picture.is_displayed() for picture in running.find_elements(By.CSS_SELECTOR, "svg.case"))
        assert not running.find_element(By.CSS_SELECTOR, "#viewer").is_displayed()


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the source of axe-core, from npm."""
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
def test_axe_finds_no_serious_accessibility_problem(theme: str, site: Path, axe: str, browser: Any) -> None:
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": theme}]})
    pages = [
        "index.html",
        "methods.html",
        "audit.html",
        "paper.html",
        HARD,
        "methods/regismcan.html",
        CASES,
        "datasets/toy-cube20.html",
    ]
    violations = []
    for name in pages:
        at(browser, site / name)
        browser.execute_script("document.querySelectorAll('details').forEach(element => { element.open = true; })")
        if name == HARD:
            click(browser, "tr[data-method=regismcan] button.open")
        browser.execute_script("document.querySelectorAll('.columns').forEach(element => { element.open = false; })")
        browser.execute_cdp_cmd("Runtime.evaluate", {"expression": axe})
        result = browser.execute_async_script(
            "const done = arguments[0]; axe.run(document, {preload: false}).then(done, error => done({failed: String(error)}))"
        )
        assert "failed" not in result, result
        assert len(result["passes"]) > 10
        serious = [violation for violation in result["violations"] if violation["impact"] in SERIOUS]
        violations += [(name, violation["id"], violation["nodes"][0]["html"][:200]) for violation in serious]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert violations == []


@pytest.mark.parametrize("width", [320, 800])
def test_no_page_scrolls_horizontally_on_a_narrow_screen(width: int, site: Path, browser: Any) -> None:
    device = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", device)
    for page in sorted(site.rglob("*.html")):
        at(browser, page)
        assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth"), page
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
