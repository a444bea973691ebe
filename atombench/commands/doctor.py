"""`atombench doctor`: check whether this machine is ready for a run."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from atombench.commands.arguments import REGISTRY_DEFAULT, Registry
from atombench.doctor import examine
from atombench.io.paths import CONSTRAINTS, shipped
from atombench.tracking import store_address
from atombench.volumes.registry import find_row, read_registry

MARKS = {"ok": "ok     ", "note": "note   ", "problem": "PROBLEM"}


def run(
    datasets: Annotated[
        list[str] | None, typer.Argument(help="Datasets to check; default: all datasets in the registry.")
    ] = None,
    registry: Registry = REGISTRY_DEFAULT,
    results: Annotated[Path, typer.Option(help="Results folder of the workflow.")] = Path("results"),
    constraints: Annotated[Path, typer.Option(help="File with pinned package versions.")] = CONSTRAINTS,
) -> None:
    """Check Python, torch, disk, data, SLURM and MLflow; exit with status 1 if a requirement of every run is missing."""
    rows = read_registry(registry)
    for name in datasets or ():
        find_row(name, registry)
    wanted = {name: row for name, row in rows.items() if not datasets or name in datasets}
    problems = 0
    for check in examine(wanted, results, store_address(results / "mlflow" / "mlflow.db"), shipped(constraints)):
        problems += check.status == "problem"
        sys.stdout.write(f"{MARKS[check.status]} {check.what}: {check.found}\n")
        if check.advice and check.status != "ok":
            sys.stdout.write(f"        -> {check.advice}\n")
        sys.stdout.flush()
    if problems:
        raise typer.Exit(1)
