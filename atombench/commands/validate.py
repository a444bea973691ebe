"""`atombench validate`: all problems of a submission at once; nothing in it is run."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from atombench.commands.arguments import Log
from atombench.errors import DataError
from atombench.progress import log_to
from atombench.submissions.boards import RESULTS
from atombench.submissions.guarded import guarded_validate
from atombench.submissions.problems import printable

Folders = Annotated[list[Path], typer.Argument(help="Folders of submissions.")]


def run(
    folders: Folders,
    queries: Annotated[list[Path] | None, typer.Option(help="Folders of queries, for boards not made here.")] = None,
    results: Annotated[Path, typer.Option(help="Results of the workflow.")] = RESULTS,
    log: Log = None,
) -> None:
    """Check submissions and list every problem with its file and row."""
    log_to(log)
    count = 0
    for folder in folders:
        what, problems = guarded_validate(folder, [*(queries or ()), Path("queries")], results)
        count += len(problems)
        name = printable(folder.name)
        for line in problems or [f"in order ({what})"]:
            sys.stdout.write(f"{name}: {line}\n")
    if count:
        msg = f"{count} problem{'s' if count > 1 else ''}"
        raise DataError(msg)
