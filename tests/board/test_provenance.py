import json
import re
from pathlib import Path

from tests.board.made import site_of
from tests.board.some import HARD, several
from tests.records.made import example


def test_provenance_is_on_the_board_page_and_on_the_method_page(tmp_path: Path) -> None:
    out = site_of(tmp_path, *several())
    page = (out / HARD).read_text()
    lines = json.loads(re.search(r'id="provenance">(.*?)</script>', page, re.DOTALL)[1])  # type: ignore[index] # it matches
    first = dict(lines["regismcan"][0])
    for label in ("commit", "versions", "host", "MLflow run", "reproduce", "training: command", "SHA-256 of the manifest"):
        assert first[label]
        assert f"<dt>{label}</dt>" in (out / "methods/regismcan.html").read_text()
    assert first["SHA-256 of the predictions"] == "4" * 64
    assert len(lines["regismcan"]) == 2


def test_provenance_shows_differences_between_the_steps(tmp_path: Path) -> None:
    record = example("regismcan", role="network")
    later = record.predicting.model_copy(update={"commit": "d" * 40, "dirty": True}) if record.predicting else None
    out = site_of(tmp_path, record.model_copy(update={"predicting": later}))
    page = (out / "methods/regismcan.html").read_text()
    assert "<dt>predicting: commit</dt><dd>" + "d" * 40 + " and uncommitted changes" in page
    assert "cccccccccccc, dddddddddddd+" in (out / "index.html").read_text()
