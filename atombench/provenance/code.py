"""Provenance of a result: code digest, commit, library versions, host and memory."""

from __future__ import annotations

import ast
import hashlib
import importlib.metadata
import importlib.util
import os
import platform
import resource
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).parents[1]
DISPATCHERS = ("atombench.cli", "atombench.tasks.*table")  # they only refer to other modules by name
BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")  # fields of statements that hold statements
LIBRARIES = (
    "numpy",
    "scipy",
    "torch",
    "pyarrow",
    "nibabel",
    "nilearn",
    "medmnist",
    "snakemake",
    "mlflow",
)


@cache
def code_digest(*modules: str) -> str:
    """Return the SHA-256 of the sources of the given modules and of all modules of their packages that they import.

    This is what makes a workflow step run again when code that it uses has changed, and only then. Imports inside
    functions count too; those for type checkers only (`if TYPE_CHECKING:`) and modules that match `DISPATCHERS` do not. Modules
    of other packages (tasks of plug-ins) count with what they import from their own package and from this one.

    Args:
        modules: dotted names, such as `atombench.commands.split`.

    Raises:
        ModuleNotFoundError: a module does not exist.
    """
    packages = frozenset({PACKAGE.name, *(name.rpartition(".")[0] or name for name in modules)})
    sources: dict[str, Path] = {}
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name in sources:
            continue
        path = _source(name)
        if path is None:
            msg = f"no module named {name!r}"
            raise ModuleNotFoundError(msg)
        sources[name] = path
        waiting.extend(imported for imported in _imports(path) if _is_in(imported, packages))
    digest = hashlib.sha256()
    for name in sorted(sources):
        digest.update(f"{name}\0".encode() + sources[name].read_bytes() + b"\0")
        for resource_file in _resources(sources[name]):
            digest.update(resource_file.read_bytes())
    return digest.hexdigest()


def _is_in(name: str, packages: frozenset[str]) -> bool:
    """Return whether a name is a module of one of these packages and not a dispatcher."""
    inside = any(name == package or name.startswith(f"{package}.") for package in packages)
    return inside and not any(fnmatchcase(name, pattern) for pattern in DISPATCHERS) and _source(name) is not None


@cache
def _source(name: str) -> Path | None:
    top, _, rest = name.partition(".")
    if top != PACKAGE.name:
        return _foreign_source(name)
    path = PACKAGE / Path(*rest.split(".")) if rest else PACKAGE
    return next((file for file in (path / "__init__.py", path.with_suffix(".py")) if file.is_file()), None)


def _foreign_source(name: str) -> Path | None:
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return None
    return Path(spec.origin) if spec is not None and spec.origin and spec.origin.endswith(".py") else None


def _resources(path: Path) -> list[Path]:
    """Return the templates and assets of a module's folder, which count as code."""
    folders = [path.parent / "templates", path.parent / "assets"]
    return [file for folder in folders if folder.is_dir() for file in sorted(folder.rglob("*")) if file.is_file()]


@cache
def _imports(path: Path) -> tuple[str, ...]:
    names: set[str] = set()
    for node in _statements(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    with_parents = {".".join(parts[:k]) for name in names if (parts := name.split(".")) for k in range(1, len(parts) + 1)}
    return tuple(sorted(with_parents))


def _statements(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield the statements of a module at any depth, except those for type checkers only; much faster than `ast.walk`."""
    waiting: list[ast.AST] = list(tree.body)
    while waiting:
        node = waiting.pop()
        if not _for_type_checkers(node):
            yield node
            waiting.extend(inner for blocks in BLOCKS for inner in getattr(node, blocks, ()))


def _for_type_checkers(node: ast.AST) -> bool:
    """Return whether a node is `if TYPE_CHECKING:` without an alternative."""
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING" and not node.orelse


def git_state() -> dict[str, Any]:
    """Return the commit of the checkout of this package, and whether it has uncommitted changes.

    A package installed inside another repository (in `.venv`, for example) has no commit.
    """

    def git(*arguments: str) -> str | None:
        command = ["git", "-C", str(PACKAGE), *arguments]
        try:
            answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
        except (OSError, subprocess.TimeoutExpired):
            return None
        return answer.stdout.strip() if answer.returncode == 0 else None

    if git("ls-files", "--error-unmatch", "__init__.py") is None:
        return {"commit": "unknown", "dirty": None}
    changes = git("status", "--porcelain", "--untracked-files=no")
    return {"commit": git("rev-parse", "HEAD") or "unknown", "dirty": None if changes is None else bool(changes)}


def versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that can affect results."""
    installed = {"python": platform.python_version()}
    for library in LIBRARIES:
        try:
            installed[library] = importlib.metadata.version(library)
        except importlib.metadata.PackageNotFoundError:
            installed[library] = "not installed"
    return installed


def host() -> dict[str, Any]:
    """Return a description of the machine, without host name and user name, because it is published."""
    import psutil

    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown")


def peak_memory_mib() -> float:
    """Return the peak resident memory of this process or of a finished child process, whichever is larger; in MiB."""
    unit = 1 if sys.platform == "darwin" else 1024
    largest = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return round(largest * unit / 2**20, 1)
