import re
from pathlib import Path

from tests.board.made import site_of
from tests.records.made import example


def test_citations_are_valid_bibtex_entries(tmp_path: Path) -> None:
    card = {
        "title": "A {new} method & more_",
        "team": "We % Co",
        "note": "n",
        "paper": "https://example.org/a_b",
        "code": "none",
    }
    out = site_of(tmp_path, example("ours", role="submission", card=card))
    text = (out / "boards/atom-toy-hard-none-x1.bib").read_text()
    assert re.findall(r"@(\w+)\{([\w-]+),", text) == [
        ("software", "atombench"),
        ("article", "wang2024atom"),
        ("misc", "dataset-toy"),
        ("misc", "method-ours"),
    ]
    plain = re.sub(r"\\.", "", text)
    assert plain.count("{") == plain.count("}")
    assert r"A \{new\} method \& more\_" in text
