"""Where a result comes from: code digest, commit, versions, host, time and memory."""

from __future__ import annotations

import ast
import hashlib
import importlib.metadata
import os
import platform
import resource
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).parents[1]
DISPATCHERS = {"atombench.cli", "atombench.tasks.atom.methods.table"}
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
    """SHA-256 over the sources of the given modules and of everything in the package that they import.

    This is what makes a workflow step run again when code that it uses has changed, and only then. Imports inside
    functions count too; the modules in `DISPATCHERS`, which only name others, do not.

    Args:
        modules: dotted names, such as `atombench.commands.split`.

    Raises:
        ModuleNotFoundError: a name is not a module of this package.
    """
    found: dict[str, Path] = {}
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        path = _source(name)
        if path is None:
            msg = f"{name} is not a module of the package in {PACKAGE}"
            raise ModuleNotFoundError(msg)
        found[name] = path
        waiting.extend(_imports(path))
    digest = hashlib.sha256()
    for name in sorted(found):
        digest.update(f"{name}\0".encode() + found[name].read_bytes() + b"\0")
        for resource_file in _resources(found[name]):
            digest.update(resource_file.read_bytes())
    return digest.hexdigest()


def _source(name: str) -> Path | None:
    relative = Path(*name.split(".")[1:]) if "." in name else Path()
    if name.split(".")[0] != PACKAGE.name:
        return None
    for path in (PACKAGE / relative / "__init__.py", (PACKAGE / relative).with_suffix(".py")):
        if path.is_file():
            return path
    return None


def _resources(path: Path) -> list[Path]:
    """Templates and assets count as code of the room in which they lie."""
    folders = [path.parent / "templates", path.parent / "assets"]
    return [file for folder in folders if folder.is_dir() for file in sorted(folder.rglob("*")) if file.is_file()]


@cache
def _imports(path: Path) -> tuple[str, ...]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    with_parents = {".".join(parts[:k]) for name in names if (parts := name.split(".")) for k in range(1, len(parts) + 1)}
    return tuple(sorted(name for name in with_parents if _source(name) and name not in DISPATCHERS))


def git_state() -> dict[str, Any]:
    """Commit of the checkout that holds this package, and whether it has uncommitted changes."""

    def git(*arguments: str) -> str | None:
        command = ["git", "-C", str(PACKAGE), *arguments]
        try:
            answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
        except (OSError, subprocess.TimeoutExpired):
            return None
        return answer.stdout.strip() if answer.returncode == 0 else None

    changes = git("status", "--porcelain", "--untracked-files=no")
    return {"commit": git("rev-parse", "HEAD") or "unknown", "dirty": None if changes is None else bool(changes)}


def versions() -> dict[str, str]:
    """Versions of Python and of the libraries on which numbers may depend."""
    found = {"python": platform.python_version()}
    for library in LIBRARIES:
        try:
            found[library] = importlib.metadata.version(library)
        except importlib.metadata.PackageNotFoundError:
            found[library] = "not installed"
    return found


def host() -> dict[str, Any]:
    """Kind of machine: no host name and no user name, which would end up on a public page."""
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
    """Largest resident memory so far of this process, or of a child that has ended if that was larger; in MiB."""
    unit = 1 if sys.platform == "darwin" else 1024
    largest = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return round(largest * unit / 2**20, 1)
