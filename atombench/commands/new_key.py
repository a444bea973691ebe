"""`atombench new-key`: a key for secret boards."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from atombench.tasks.atom.secret import VARIABLE, new_key


def run(file: Annotated[Path, typer.Argument(help="Where to write the key; outside the repository.")]) -> None:
    """Write a random key that only you can read."""
    new_key(file)
    sys.stdout.write(f"{file} is there; whoever has it can compute the labels. To use it: export {VARIABLE}={file}\n")
