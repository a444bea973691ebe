"""Records that mean harm, in Chromium."""

from pathlib import Path

import pytest

from atombench.board.site import build_site
from atombench.records.record import Unit
from tests.board.made import stored
from tests.browser.checks import at, drawn, wait
from tests.browser.chrome import chrome
from tests.records.made import VOLUMES, example, full

pytestmark = pytest.mark.long
EVIL = "</script><img src=x onerror=\"document.title='run'\"><script>document.title='run'</script>'\"`${document.title='run'}"
RTL = "\u202e\u05d0\u05d1\u05d2 \u0627\u0644"


NAMES = [f"v{number:04d}" for number in range(VOLUMES)]


def test_a_hostile_record_runs_nothing_and_breaks_nothing(tmp_path: Path) -> None:
    records = []
    for number, name in enumerate((EVIL, RTL, "x" * 2000, "{{7*7}} %{x}")):
        unit = Unit(dataset=name, gathering="hard", split="none", scale=1, method=name, seed=1)
        metrics = [one.model_copy(update={"value": -1e308 if number else 1e308}) for one in full("a").metrics]
        card = {"note": name, "title": name, "paper": f"javascript:{name}"}
        failed = unit.model_copy(update={"method": f"{name}2"})
        records += [
            full("a", unit=unit, metrics=metrics, options={name: name}, card=card, role="submission"),
            example(unit=failed, status="failed", reason=name, metrics=[], role=name, volumes=NAMES),
        ]
    build_site(stored(tmp_path, *records), {}, tmp_path / "out")
    with chrome() as running:
        for page in sorted((tmp_path / "out").rglob("*.html")):
            at(running, page)
            wait(running, "document.readyState === 'complete'")
            drawn(running, page)
            for button in running.execute_script("return [...document.querySelectorAll('button.open')].map((_, n) => n)"):
                running.execute_script("document.querySelectorAll('button.open')[arguments[0]].click()", button)
            assert running.execute_script("return document.title") != "run"
            assert "ATOM-Bench" in running.execute_script("return document.title")
            assert running.execute_script("return document.querySelectorAll('img[onerror]').length") == 0
            assert running.execute_script("return [...document.links].every(one => !one.href.startsWith('javascript'))")
            assert running.execute_script("return document.documentElement.scrollWidth <= innerWidth"), page
