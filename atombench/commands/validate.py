"""`atombench validate`: report all problems of a submission without running its code."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from atombench.commands.arguments import Log
from atombench.errors import DataError
from atombench.io.text import one_line
from atombench.progress import log_to
from atombench.submissions.guarded import guarded_validate
from atombench.tasks.made_board import RESULTS

NO_SUBMISSIONS = ("README.md",)
Folders = Annotated[list[Path], typer.Argument(help="Submission folders.")]


def run(
    folders: Folders,
    queries: Annotated[
        list[Path] | None, typer.Option(help="Folder of exported queries, for boards that are not in the results.")
    ] = None,
    results: Annotated[Path, typer.Option(help="Results folder of the workflow.")] = RESULTS,
    log: Log = None,
) -> None:
    """Validate submissions and list every problem with its file and row."""
    log_to(log)
    count = 0
    for folder in folders:
        if folder.name in NO_SUBMISSIONS and folder.is_file():
            continue  # `leaderboard/submissions/*` names it, too
        summary, problems = guarded_validate(folder, [*(queries or ()), Path("queries")], results)
        count += len(problems)
        name = one_line(folder.name)
        for line in problems or [f"valid ({summary})"]:
            sys.stdout.write(f"{name}: {line}\n")
    if count:
        msg = f"{count} problem{'s' if count > 1 else ''}"
        raise DataError(msg)
