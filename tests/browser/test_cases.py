"""Browser tests of the case viewer: planes, 3D view and voxel values."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.browser.checks import CASES, SET, address, at, choose, wait
from tests.browser.chrome import opened
from tests.conftest import volume_set

pytestmark = [pytest.mark.long(minutes=3), pytest.mark.xdist_group("browser")]


def test_cases_are_shown_in_planes_and_in_3d(site: Path) -> None:
    with opened(site / CASES) as running:
        wait(running, "'ready' in document.documentElement.dataset")
        wait(running, "document.querySelectorAll('.view .main-svg').length >= 8 * 3 - 3")
        assert running.execute_script("return document.getElementById('view-3d').querySelector('canvas') !== null")
        first = running.execute_script("return document.getElementById('verdict').textContent")
        choose(running, "#case", "1")
        second = running.execute_script("return document.getElementById('verdict').textContent")
        assert "of 729 boxes are correct" in first
        assert first != second
        before = running.execute_script("return JSON.stringify(document.getElementById('view-i').data[0].z)")
        place = int(running.execute_script("return document.getElementById('plane-i').value"))
        running.execute_script(SET, "#plane-i", 3 if place > 9 else 15, "input")
        assert running.execute_script("return JSON.stringify(document.getElementById('view-i').data[0].z)") != before
        assert address(running).startswith("#case=1&method=")
        there = address(running)
    with opened(site / CASES, "--disable-3d-apis") as running:
        at(running, site / CASES, there)
        wait(running, "'ready' in document.documentElement.dataset")
        assert running.execute_script("return document.getElementById('verdict').textContent") == second
        assert "cannot draw 3D" in running.execute_script("return document.getElementById('view-3d').textContent")


def test_the_viewer_shows_the_voxels_of_the_volume(site: Path, browser: Any) -> None:
    volumes = volume_set((6, 2, 3))
    at(browser, site / CASES)
    wait(browser, "'ready' in document.documentElement.dataset")
    shown = json.loads(browser.execute_script("return document.getElementById('cases').textContent"))
    volume = volumes.volumes[volumes.ids.index(shown["cases"][0]["volume"])]
    places = [int(browser.execute_script(f"return document.getElementById('plane-{axis}').value")) for axis in "ijk"]
    for number, axis in enumerate("ijk"):
        z = np.array(browser.execute_script(f"return document.getElementById('view-{axis}').data[0].z"))
        expected = np.rint(255 * np.clip(np.take(volume, places[number], axis=number), 0, 1)).T
        np.testing.assert_array_equal(z, expected)
