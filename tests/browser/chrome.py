"""Headless Chromium, driven by Selenium; pages are opened from the file system."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.conftest import needs

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-sync",
    "--disable-component-update",
    "--enable-unsafe-swiftshader",
    "--window-size=1400,1000",
)


@contextmanager
def chrome(*more: str, scripts: bool = True, own: int = 0) -> Iterator[Any]:
    """Start a browser; at the end, check that it logged no error and made no network request, except to local port `own`."""
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
    """Return the errors logged by the browser since the last call."""
    return [entry["message"] for entry in running.get_log("browser") if entry["level"] == "SEVERE"]


def asked(running: Any) -> list[str]:
    """Return the addresses requested by the browser since the last call."""
    events = [json.loads(entry["message"])["message"] for entry in running.get_log("performance")]
    return [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]


def elsewhere(urls: list[str]) -> list[str]:
    """Return the addresses outside the local file system."""
    return [url for url in urls if not url.startswith(("file:", "data:", "blob:"))]


@contextmanager
def opened(page: Path, *more: str, scripts: bool = True) -> Iterator[Any]:
    """Open a page in a new browser."""
    with chrome(*more, scripts=scripts) as running:
        running.get(page.resolve().as_uri())
        yield running
