"""Links and file names in the documentation are valid."""

import re
from pathlib import Path

import pytest

from tests.conftest import ROOT

PAGES = sorted(
    [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "leaderboard").glob("*/README.md")]
)
LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)")
FILE = re.compile(r"`([\w./-]+/[\w.-]+\.(?:py|yaml|smk|md|json))(?::\w+)?`")
MADE = ("results/", "schema/")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_of_a_page_point_to_existing_files(page: Path) -> None:
    missing = [link for link in LINK.findall(page.read_text("utf-8")) if not (page.parent / link).exists()]
    assert missing == []


def test_files_named_in_the_guide_for_contributors_exist() -> None:
    names = set(FILE.findall((ROOT / "CONTRIBUTING.md").read_text("utf-8")))
    folders = (ROOT, ROOT / "atombench")
    missing = [name for name in names if not name.startswith(MADE) and not any((folder / name).is_file() for folder in folders)]
    assert len(names) > 50
    assert missing == []
