"""Default input files of commands, in a checkout or in an installed wheel."""

from __future__ import annotations

from pathlib import Path

DATASETS = Path("config/datasets.yaml")
METHOD_OPTIONS = Path("config/methods.yaml")
RUN = Path("config/config.yaml")
PAPER_TABLES = Path("leaderboard/published/paper-tables.csv")
SUBMISSIONS = Path("leaderboard/submissions")
SECRET_LOG = Path("leaderboard/secret-board-log.csv")
CONSTRAINTS = Path("constraints.txt")

_PACKAGE = Path(__file__).parents[1]
_SHIPPED = _PACKAGE / "shipped"  # setup.py packs the files there; a checkout has no such folder


def shipped(path: Path) -> Path:
    """Return a file of the checkout: from the current folder if it exists there, else the copy in the installed package.

    Args:
        path: name relative to the root of a checkout, such as `config/datasets.yaml`.

    Returns:
        `path` itself if it exists, is absolute, leads out of the folder, or is not part of the package.

    >>> shipped(Path("config/datasets.yaml")).is_file()
    True
    >>> shipped(Path("config/no-such-file.yaml")).as_posix()
    'config/no-such-file.yaml'
    """
    if path.is_absolute() or ".." in path.parts or path.exists():
        return path
    copy = (_SHIPPED if _SHIPPED.is_dir() else _PACKAGE.parent) / path
    return copy if copy.is_file() else path


def in_checkout() -> bool:
    """Return whether the current folder contains the workflow, which is not part of an installed package."""
    return Path("Snakefile").is_file()
