"""Build the wheel, install it in a clean environment, and call its `atombench` outside any checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import ROOT

BUILT_FROM = ("atombench", "config", "leaderboard/published", "constraints.txt", "LICENSE", "README.md")
BUILT_BY = ("MANIFEST.in", "pyproject.toml", "setup.py")


def called(command: list[object], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder, without environment variables that could lead Python to the checkout."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    words = [str(word) for word in command]
    return subprocess.run(words, capture_output=True, text=True, check=False, cwd=folder, env=environment)


def build_wheel(folder: Path) -> Path:
    """Build the wheel from a copy of the checkout, so that no build folder is created or reused in the checkout."""
    source = folder / "source"
    for name in (*BUILT_FROM, *BUILT_BY):
        copy = source / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, copy)
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, source]
    done = called(pip, folder)
    assert done.returncode == 0, done.stderr
    (wheel,) = folder.glob("atombench-*.whl")
    return wheel


@dataclass(frozen=True)
class Installation:
    """A virtual environment with the wheel, which uses the libraries of the test environment."""

    python: Path
    folder: Path

    def atombench(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        """Call the installed `atombench` in an empty folder outside the checkout."""
        return called([self.python.parent / "atombench", *arguments], self.folder)

    def printed(self, *arguments: object) -> str:
        """Return the standard output of a successful call."""
        done = self.atombench(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def run(self, code: str) -> str:
        """Return the standard output of a line of Python in this environment."""
        done = called([self.python, "-c", code], self.folder)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


def install(wheel: Path, folder: Path) -> Installation:
    """Install the wheel alone into a new environment.

    A `.pth` file adds the libraries of the test environment. Python ignores `.pth` files in a folder added in this way, so an
    editable installation there has no effect.
    """
    done = called([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], folder)
    assert done.returncode == 0, done.stderr
    python = folder / "venv" / "bin" / "python"
    purelib = Path(called([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], folder).stdout.strip())
    (purelib / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    done = called([sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", wheel], folder)
    assert done.returncode == 0, done.stderr
    empty = folder / "empty"
    empty.mkdir()
    return Installation(python, empty)
