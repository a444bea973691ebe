"""Browser tests of malicious records."""

from pathlib import Path

import pytest

from atombench.records.board import Board
from atombench.records.run import Run
from tests.board.made import site_of
from tests.browser.checks import at, drawn, wait
from tests.browser.chrome import chrome
from tests.records.made import VOLUMES, example, full

pytestmark = [pytest.mark.long(minutes=3), pytest.mark.xdist_group("browser")]
EVIL = "</script><img src=x onerror=\"document.title='run'\"><script>document.title='run'</script>'\"`${document.title='run'}"
RTL = "\u202e\u05d0\u05d1\u05d2 \u0627\u0644"
NAMES = [f"v{number:04d}" for number in range(VOLUMES)]


def test_a_malicious_record_neither_runs_scripts_nor_breaks_pages(tmp_path: Path) -> None:
    records = []
    for number, name in enumerate((EVIL, RTL, "x" * 2000, "{{7*7}} %{x}")):
        run = Run.of(Board("atom", name, name if number % 2 else "hard-none-x1"), name, 1, name)
        metrics = [metric.model_copy(update={"value": -1e308 if number else 1e308}) for metric in full("a").metrics]
        card = {"note": name, "title": name, "paper": f"javascript:{name}"}
        failed = run.model_copy(update={"method": f"{name}2"})
        records += [
            full("a", run=run, metrics=metrics, options={name: name}, card=card, role="submission"),
            example(run=failed, status="failed", reason=name, metrics=[], role=name, clusters=NAMES),
        ]
    out = site_of(tmp_path, *records, datasets={})
    assert len(list((out / "boards").glob("*.html"))) == 4
    with chrome() as running:
        for page in sorted(out.rglob("*.html")):
            at(running, page)
            wait(running, "document.readyState === 'complete'")
            drawn(running, page)
            for button in running.execute_script("return [...document.querySelectorAll('button.open')].map((_, n) => n)"):
                running.execute_script("document.querySelectorAll('button.open')[arguments[0]].click()", button)
            assert running.execute_script("return document.title") != "run"
            assert "ATOM-Bench" in running.execute_script("return document.title")
            assert running.execute_script("return document.querySelectorAll('img[onerror]').length") == 0
            assert running.execute_script("return [...document.links].every(link => !link.href.startsWith('javascript'))")
            assert running.execute_script("return document.documentElement.scrollWidth <= innerWidth"), page
