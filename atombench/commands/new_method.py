"""`atombench new-method`: a working method with test and card, to start from."""

import sys
from typing import Annotated

import typer

from atombench.submissions.new_method import new_method


def run(name: Annotated[str, typer.Argument(help="Name of the method on the board: a-z, 0-9 and -.")]) -> None:
    """Write a folder below leaderboard/submissions that works as it is."""
    folder = new_method(name)
    sys.stdout.write(
        f"{folder} is there. It works as it is; what to do next:\n"
        f"  pytest {folder}                  its test, in the sandbox\n"
        f"  atombench validate {folder}      what submission.yaml says\n"
        f"  add `{name}:` to the methods of config/config.yaml, then `snakemake --cores 2`\n"
    )
