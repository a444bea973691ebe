"""Benchmarks are not run by the tests, but all that they import must exist."""

import ast
import importlib
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"
OWN = ("atombench", "benchmarks", "tests")


@pytest.mark.parametrize("script", sorted(FOLDER.glob("*.py")), ids=lambda path: path.stem)
def test_everything_that_a_benchmark_imports_exists(script: Path) -> None:
    nodes = [node for node in ast.walk(ast.parse(script.read_text())) if isinstance(node, ast.ImportFrom)]
    names = [(node.module, alias.name) for node in nodes if str(node.module).split(".")[0] in OWN for alias in node.names]
    for module, name in names:
        package = importlib.import_module(str(module))
        assert hasattr(package, name) or importlib.import_module(f"{module}.{name}"), f"{module} has no {name}"
