"""Every code block of docs/python.md runs, in order, and prints the documented output."""

import dataclasses
import doctest
import re
from pathlib import Path
from typing import Any

import pytest

import atombench
from atombench.engine.weights import Origin, save_bundle
from atombench.records.layout import Layout
from atombench.records.run import Run
from atombench.tasks.made_board import MadeBoard
from tests.conftest import ROOT

PAGE = (ROOT / "docs/python.md").read_text("utf-8")
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with `results/` of a small board, named as on the page, and a training of a few steps."""
    volumes = dataclasses.replace(atombench.example_board().data.volumes(), dataset="mni-subjects")
    board = atombench.make_board(volumes, "atom/mni-subjects/tissue-none-x1")
    layout = Layout(tmp_path / "results")
    board.data.save(layout.curated("mni-subjects", "cube20-zeroed"))
    board.manifest.save(layout.manifest(board.board))
    save_trained(board, layout)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def save_trained(board: MadeBoard, layout: Layout) -> None:
    registry = board.task.registry
    method = registry.build("regismcan", registry.build("regismcan", {}).smoke)
    weights = method.fit(atombench.training(board), atombench.Resources(seed=1))
    origin = Origin(
        task=board.task.name,
        protocol=board.task.protocol,
        method="regismcan",
        options=method.options.model_dump(),
        dataset=board.board.dataset,
        board=board.board.name,
        form=board.task.form(board.board),
        seed=1,
    )
    save_bundle(layout.trained(Run.of(board.board, "regismcan", 1)) / "weights.safetensors", weights, origin)


def show(text: str, number: int, names: dict[str, Any]) -> None:
    """Run an interactive session and compare its output with the documented output."""
    session = doctest.DocTestParser().get_doctest(text, names, f"block {number}", "docs/python.md", 0)
    report: list[str] = []
    outcome = doctest.DocTestRunner(optionflags=FLAGS).run(session, out=report.append, clear_globs=False)
    assert outcome.attempted > 0
    assert outcome.failed == 0, "".join(report)
    names.update(session.globs)


def test_every_block_of_the_page_prints_the_documented_output(folder: Path) -> None:
    names: dict[str, Any] = {}
    blocks = BLOCK.findall(PAGE)
    assert {kind for kind, _ in blocks} == {"python", "pycon"}
    for number, (kind, text) in enumerate(blocks):
        if kind == "pycon":
            show(text, number, names)
        else:
            exec(compile(text, f"docs/python.md, block {number}", "exec"), names)


def test_the_page_names_every_public_name_of_the_package() -> None:
    missing = [name for name in dir(atombench) if name != "__version__" and f"`{name}" not in PAGE]
    assert missing == []


def test_the_python_example_of_the_readme_runs() -> None:
    (block,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(block, "README.md", "exec"), names)
    assert "strict" in names["table"].index.get_level_values("protocol")
