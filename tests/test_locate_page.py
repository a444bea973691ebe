"""Every code block of docs/locate.md runs, in order, and prints the documented output; its command writes a page."""

import doctest
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from atombench import cli
from atombench.workflow import processes
from tests.conftest import ROOT

PAGE = (ROOT / "docs/locate.md").read_text("utf-8")
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@pytest.mark.long
def test_every_block_of_the_page_prints_the_documented_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(processes, "follow_main", lambda: None)
    names: dict[str, Any] = {}
    for number, (kind, text) in enumerate(BLOCK.findall(PAGE)):
        if kind == "pycon":
            session = doctest.DocTestParser().get_doctest(text, names, f"block {number}", "docs/locate.md", 0)
            report: list[str] = []
            outcome = doctest.DocTestRunner().run(session, out=report.append, clear_globs=False)
            assert outcome.attempted > 0
            assert outcome.failed == 0, "".join(report)
            names.update(session.globs)
        elif kind == "sh":
            with pytest.raises(SystemExit) as ended:
                cli.main(shlex.split(text)[1:])
            assert not ended.value.code
            assert (tmp_path / "where" / "index.html").is_file()
        elif kind == "python":
            exec(compile(text, f"docs/locate.md, block {number}", "exec"), names)
        else:
            assert kind == "text"
