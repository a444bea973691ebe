"""`atombench new-method`: create a working example method with a test and a card."""

import sys
from typing import Annotated

import typer

from atombench.io.paths import in_checkout
from atombench.submissions.new_method import new_method


def run(name: Annotated[str, typer.Argument(help="Name of the method on the board: a-z, 0-9 and -.")]) -> None:
    """Create a working example method in ./leaderboard/submissions."""
    folder = new_method(name)
    checkout = (
        "" if in_checkout() else f"clone the repository (there is no Snakefile here), copy {folder} to the same path in it, "
    )
    sys.stdout.write(
        f"Wrote {folder}. The method works as written. Next steps:\n"
        f"  pytest {folder}                  run its test in the sandbox\n"
        f"  atombench validate {folder}      check submission.yaml\n"
        f"  {checkout}add `{name}:` to the methods of config/config.yaml, then `snakemake --cores 2`\n"
    )
