"""Examples in docstrings print the documented output."""

import doctest
from importlib import import_module
from pathlib import Path

import pytest

from tests.conftest import ROOT


def module_of(path: Path) -> str:
    """Return the dotted name of a file of the package."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = sorted(module_of(path) for path in (ROOT / "atombench").rglob("*.py") if "\n    >>> " in path.read_text("utf-8"))


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_a_module_print_the_documented_output(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = doctest.testmod(import_module(name), optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    assert outcome.attempted > 0, "no example was found: is it in a docstring?"
    assert outcome.failed == 0, "see the output above"
