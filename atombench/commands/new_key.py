"""`atombench new-key`: create a key for secret boards."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from atombench.engine.secret_key import VARIABLE, new_key


def run(file: Annotated[Path, typer.Argument(help="Output file for the key; must be outside the repository.")]) -> None:
    """Write a random key to a file that only you can read."""
    new_key(file)
    sys.stdout.write(
        f"Wrote {file}. Keep it private: anyone who has it can compute the labels. To use it: export {VARIABLE}={file}\n"
    )
