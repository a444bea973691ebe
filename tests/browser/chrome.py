"""Chromium without a window, driven by selenium; pages come from the file system."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.conftest import needs

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-quic", "--disable-background-networking",
    "--disable-sync", "--disable-component-update", "--enable-unsafe-swiftshader", "--window-size=1400,1000",
)  # fmt: skip


@contextmanager
def chrome(*more: str, scripts: bool = True, own: int = 0) -> Iterator[Any]:
    """A browser; afterwards no error may have been logged and no network asked, but a server of our own on port `own`."""
    from selenium import webdriver
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service

    browser, driver = shutil.which("chromium") or shutil.which("chromium-browser"), shutil.which("chromedriver")
    needs(browser and driver, "chromium and chromedriver are not installed")
    options = Options()
    options.binary_location = str(browser)
    for flag in (*FLAGS, *more):
        options.add_argument(flag)
    if not scripts:
        options.add_experimental_option("prefs", {"profile.managed_default_content_settings.javascript": 2})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    with webdriver.Chrome(options=options, service=Service(str(driver))) as running:
        yield running
        assert errors(running) == []
        assert [url for url in elsewhere(asked(running)) if not url.startswith(f"http://127.0.0.1:{own}/")] == []


def errors(running: Any) -> list[str]:
    """Errors that the browser has logged since the last call."""
    return [entry["message"] for entry in running.get_log("browser") if entry["level"] == "SEVERE"]


def asked(running: Any) -> list[str]:
    """Addresses that the browser has asked for since the last call."""
    events = [json.loads(entry["message"])["message"] for entry in running.get_log("performance")]
    return [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]


def elsewhere(urls: list[str]) -> list[str]:
    """Those that are not on this machine's file system."""
    return [url for url in urls if not url.startswith(("file:", "data:", "blob:"))]


@contextmanager
def opened(page: Path, *more: str, scripts: bool = True) -> Iterator[Any]:
    """A page in a browser of its own."""
    with chrome(*more, scripts=scripts) as running:
        running.get(page.resolve().as_uri())
        yield running
