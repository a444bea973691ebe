"""Tests of malicious records and of implausible values."""

import json
import re
from pathlib import Path

import pytest

from atombench.errors import DataError
from atombench.pages.axis import written
from atombench.records.board import Board
from atombench.records.run import Run
from tests.board.made import site_of, stored, text_of
from tests.board.some import HARD, failed
from tests.records.made import example, full

EVIL = "</script><script>alert(1)</script><b onload='x'>\u202e\u05d0\u05d1 %{x} {{ 7 * 7 }}"
NAMES = [EVIL, "x" * 3000, "../../../etc/passwd", "CON", "\x00\n\t", "a" * 79 + "é" * 80, "%2F", "seed1", "clean"]


def check_pages(folder: Path) -> str:
    """Check that pages contain no scripts or markup from records and that all JSON is valid; return all pages."""
    assert {path.name for path in folder.parent.iterdir()} == {"records", "run.json", "out"}
    pages = text_of(folder)
    assert "<script>alert" not in pages
    assert "<b onload" not in pages
    assert all(len(path.name.encode()) < 150 for path in folder.rglob("*"))
    for text in re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', pages, re.DOTALL):
        json.loads(text)
    for path in (folder / "boards").glob("*.json"):
        json.loads(path.read_text())
    return pages


@pytest.mark.parametrize("name", NAMES)
def test_a_malicious_name_neither_breaks_a_page_nor_escapes_the_folder(name: str, tmp_path: Path) -> None:
    run = Run.of(Board("atom", name, name), name, 1, name)
    card = {"note": name, "team": name, "paper": name, "title": name}
    record = example(run=run, options={name: name}, about={"parameters": name}, card=card, role="submission")
    damaged = example(run=Run.of(Board("atom", name, name), name, 1, "histology-3"), card=card, role="submission")
    out = site_of(tmp_path, record, damaged, failed(name + "2", reason=name), example("constant"))
    check_pages(out)
    assert len(list((out / "boards").glob("*.html"))) == 3
    assert len(list((out / "compared").glob("*.html"))) == 1


@pytest.mark.parametrize("name", NAMES)
def test_a_board_of_an_unknown_task_is_reported_and_omitted(name: str, tmp_path: Path) -> None:
    strange = example(run=Run.of(Board(name, "toy", "hard-none-x1"), "constant", 1))
    out = site_of(tmp_path, strange, example("constant"))
    pages = check_pages(out)
    assert "1 file is omitted" in pages
    assert "unknown task" in pages
    assert len(list((out / "boards").glob("*.html"))) == 1


def test_a_run_without_a_method_name_is_rejected_when_its_list_is_read(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected a run such as atom/DATASET/BOARD/clean/METHOD/seed1"):
        stored(tmp_path, example("", role="submission"), example("constant"))


def test_a_board_with_an_invalid_name_is_shown_but_treated_as_secret(tmp_path: Path) -> None:
    strange = full("regismcan", run=Run.of(Board("atom", "toy", "a-b"), "regismcan", 1))
    out = site_of(tmp_path, strange, *(example(name) for name in ("constant", "regismcan")))
    check_pages(out)
    assert "the board is secret" in (out / "boards/atom-toy-a-b.html").read_text()
    assert "data:image" not in (out / "methods/regismcan.html").read_text()


@pytest.mark.parametrize("value", [1e308, -1e308, 5e-324, -0.0, 1e15])
def test_implausible_values_are_formatted_in_few_characters(value: float, tmp_path: Path) -> None:
    record = example("regismcan", 1, 0.5, role="network", about={"parameters": value})
    metrics = [metric.model_copy(update={"value": value, "ci_low": value, "ci_high": value}) for metric in record.metrics]
    out = site_of(tmp_path, record.model_copy(update={"metrics": metrics}), example("constant"))
    page = (out / HARD).read_text()
    assert "inf" not in re.sub(r"<[^>]*>", "", page).replace("infer", "")
    for unit in ("share", "number", "count", "seconds", "mebibytes", "mm", "voxel", "degree", "percent"):
        assert len(written(value, unit)) < 25
    for text in re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', text_of(out), re.DOTALL):
        json.loads(text)


def test_an_implausible_number_of_parameters_is_shown_as_unknown(tmp_path: Path) -> None:
    page = (site_of(tmp_path, example("regismcan", role="network", about={"parameters": 10**400})) / HARD).read_text()
    assert "unknown: not run here, or not reported by the run" in page
