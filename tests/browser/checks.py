"""What must hold of the site of any run, in a browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.browser.chrome import chrome

HARD, UNIFORM = "boards/toy-hard-none-x1.html", "boards/toy-uniform-none-x1.html"


def at(running: Any, page: Path, address: str = "") -> Any:
    """Open a page anew, at an address."""
    running.get("about:blank")
    running.get(page.resolve().as_uri() + address)
    return running


def wait(running: Any, script: str, message: str = "") -> Any:
    """Wait until a script gives something true."""
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(running, 20).until(lambda one: one.execute_script(f"return {script}"), message or script)


def drawn(running: Any, page: object) -> None:
    """Bring every figure of the page to the screen, and wait until it is drawn."""
    for place in running.execute_script("return [...document.querySelectorAll('.plot[id]')].map(one => one.id)"):
        running.execute_script("document.getElementById(arguments[0]).scrollIntoView()", place)
        wait(running, f"document.getElementById('{place}').querySelector('.main-svg')", f"{place} on {page}")


def methods(running: Any) -> list[str]:
    """Methods in the rows that are shown, from the top."""
    rows = "[...document.querySelectorAll('#table tbody tr[data-method]')]"
    return list(running.execute_script(f"return {rows}.map(row => row.dataset.method)"))


SET = """
const one = document.querySelector(arguments[0]);
one.value = arguments[1];
one.dispatchEvent(new Event(arguments[2]));
"""


def choose(running: Any, selector: str, value: str) -> None:
    """Choose an option, as a reader does."""
    running.execute_script(SET, selector, value, "change")
    assert running.execute_script("return document.querySelector(arguments[0]).value", selector) == value


def click(running: Any, selector: str) -> None:
    """Click the first element that fits."""
    from selenium.webdriver.common.by import By

    running.find_element(By.CSS_SELECTOR, selector).click()


def address(running: Any) -> str:
    """What stands behind the hash sign of the address."""
    return running.execute_script("return decodeURIComponent(location.hash)")


def check_site(folder: Path, boards: int) -> None:
    """Open the start page, every board, a method, every dataset and all cases; nothing may fail or ask the network."""
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
