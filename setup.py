"""Pack the configuration of the checkout into the wheel; all other settings are in pyproject.toml.

The files stay where they are in the repository. A wheel gets a copy below `atombench/shipped/`, where `atombench.io.paths`
looks for them; an editable installation reads those of the checkout.
"""

from __future__ import annotations

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
PATTERNS = ("config/*.yaml", "config/schema/*.json", "constraints.txt", "leaderboard/published/paper-tables.csv")


def shipped_files(root: Path = ROOT) -> list[Path]:
    """List the files to pack, relative to the root of the checkout.

    Raises:
        FileNotFoundError: no file matches one of the patterns.
    """
    files: list[Path] = []
    for pattern in PATTERNS:
        matching = sorted(path.relative_to(root) for path in root.glob(pattern))
        if not matching:
            msg = f"expected files that match {pattern} in {root}, found none; build from a whole checkout"
            raise FileNotFoundError(msg)
        files += matching
    return files


class BuildWithShippedFiles(build_py):
    """Copy the package, and beside it the files of the checkout that it reads by default."""

    def run(self) -> None:
        """Copy everything; an editable installation needs no copies."""
        super().run()
        if self.editable_mode:
            return
        for file in shipped_files():
            copy = Path(self.build_lib, "atombench", "shipped", file)
            copy.parent.mkdir(parents=True, exist_ok=True)
            self.copy_file(str(ROOT / file), str(copy))


if __name__ == "__main__":
    setup(cmdclass={"build_py": BuildWithShippedFiles})
