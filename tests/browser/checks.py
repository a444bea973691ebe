"""Helpers for browser tests, and checks that hold for the site of any run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.browser.chrome import chrome

HARD, UNIFORM = "boards/atom-toy-hard-none-x1.html", "boards/atom-toy-uniform-none-x1.html"
CASES = "cases/atom-toy-hard-none-x1.html"


def at(running: Any, page: Path, address: str = "") -> Any:
    """Open a page in a fresh state, with a URL fragment."""
    running.get("about:blank")
    running.get(page.resolve().as_uri() + address)
    return running


def wait(running: Any, script: str, message: str = "") -> Any:
    """Wait until a script returns a true value."""
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(running, 20).until(lambda driver: driver.execute_script(f"return {script}"), message or script)


def drawn(running: Any, page: object) -> None:
    """Scroll to every figure of the page and wait until it is drawn."""
    for place in running.execute_script("return [...document.querySelectorAll('.plot[id]')].map(plot => plot.id)"):
        running.execute_script("document.getElementById(arguments[0]).scrollIntoView()", place)
        wait(running, f"document.getElementById('{place}').querySelector('.main-svg')", f"{place} on {page}")


def methods(running: Any) -> list[str]:
    """Return the methods of the visible rows, from the top."""
    rows = "[...document.querySelectorAll('#table tbody tr[data-method]')]"
    return list(running.execute_script(f"return {rows}.map(row => row.dataset.method)"))


SET = """
const control = document.querySelector(arguments[0]);
control.value = arguments[1];
control.dispatchEvent(new Event(arguments[2]));
"""


def choose(running: Any, selector: str, value: str) -> None:
    """Choose an option of a select element."""
    running.execute_script(SET, selector, value, "change")
    assert running.execute_script("return document.querySelector(arguments[0]).value", selector) == value


def click(running: Any, selector: str) -> None:
    """Click the first element that matches a selector."""
    from selenium.webdriver.common.by import By

    running.find_element(By.CSS_SELECTOR, selector).click()


def address(running: Any) -> str:
    """Return the decoded URL fragment."""
    return running.execute_script("return decodeURIComponent(location.hash)")


def check_site(folder: Path, boards: int) -> None:
    """Open the pages of a site and check that nothing fails and no network request is made."""
    with chrome() as running:
        at(running, folder / "index.html")
        assert running.execute_script("return document.querySelectorAll('#table tbody tr').length") == boards
        for page in sorted((folder / "boards").glob("*.html")):
            at(running, page)
            drawn(running, page)
            assert len(methods(running)) >= 3
            running.execute_script("document.querySelector('button.open').click()")
            assert "SHA-256" in running.execute_script("return document.querySelector('td.opened').innerText")
        for page in [*sorted((folder / "datasets").glob("*.html")), folder / "methods/constant.html", folder / "paper.html"]:
            at(running, page)
            drawn(running, page)
        for page in sorted((folder / "cases").glob("*.html")):
            at(running, page)
            wait(running, "'ready' in document.documentElement.dataset", f"{page}")
            wait(running, "document.querySelectorAll('.view .main-svg').length > 7", f"{page}")
