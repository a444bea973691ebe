"""`atombench doctor`: what this machine has and lacks for a run."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from atombench.commands.arguments import REGISTRY_DEFAULT, Registry
from atombench.doctor import examine
from atombench.tracking import store_address
from atombench.volumes.registry import find_row, read_registry

MARKS = {"ok": "ok     ", "note": "note   ", "problem": "PROBLEM"}


def run(
    datasets: Annotated[
        list[str] | None, typer.Argument(help="Datasets to look for; all of the registry if none is named.")
    ] = None,
    registry: Registry = REGISTRY_DEFAULT,
    results: Annotated[Path, typer.Option(help="Folder of the results.")] = Path("results"),
    constraints: Annotated[Path, typer.Option(help="File with the pinned versions.")] = Path("constraints.txt"),
) -> None:
    """Look at Python, torch, disk, data, SLURM and MLflow; exit with 1 if something is missing that every run needs."""
    rows = read_registry(registry)
    for name in datasets or ():
        find_row(name, registry)
    wanted = {name: row for name, row in rows.items() if not datasets or name in datasets}
    problems = 0
    for check in examine(wanted, results, store_address(results / "mlflow" / "mlflow.db"), constraints):
        problems += check.status == "problem"
        sys.stdout.write(f"{MARKS[check.status]} {check.what}: {check.found}\n")
        if check.advice and check.status != "ok":
            sys.stdout.write(f"        -> {check.advice}\n")
        sys.stdout.flush()
    if problems:
        raise typer.Exit(1)
